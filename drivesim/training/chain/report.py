"""The report of a chain: held-out figures of every stage, with the number of samples that they were measured on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from drivesim.models.checkpoints.manifest import CheckpointSet
from drivesim.models.presets import Preset
from drivesim.models.stages import STAGES, training_folder
from drivesim.training.loop.state_folder import StateFolder

_PREFIX, _SAMPLES = "held_out_", "held_out_samples"


def chain_report(checkpoints: Path, preset: Preset) -> dict[str, Any]:
    """Returns the content of `report.json`: the preset, and the file, training and figures of every stage.

    The figures are those of the last evaluation; a stage that was not trained here has none.

    Raises:
        CheckpointError: A file of the set differs from its manifest.
    """
    published = CheckpointSet.open(checkpoints)
    stages = {}
    for role in STAGES:
        if role in published.sha256:
            published.verify(role)
            stages[role] = {"sha256": published.sha256[role], **_trained(training_folder(checkpoints, role))}
    return {"format": 1, "preset": preset.name, "stages": stages}


def report_table(report: dict[str, Any]) -> str:
    """Returns the report as a table in Markdown."""
    lines = ["| stage | steps | minutes | held out | samples |", "| --- | --- | --- | --- | --- |"]
    for role, stage in report["stages"].items():
        measured = {name: value for name, value in stage.get("held_out", {}).items() if value is not None}
        figures = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in measured.items())
        cells = (stage.get("steps"), stage.get("minutes"), figures or None, stage.get("samples"))
        lines.append(" | ".join([f"| {role}", *("–" if cell is None else str(cell) for cell in cells)]) + " |")
    return "\n".join(lines) + "\n"


def _number(text: str) -> float | None:
    """A figure, None where it could not be measured."""
    value = float(text)
    return value if math.isfinite(value) else None


def _trained(folder: Path) -> dict[str, Any]:
    """Steps, minutes, figures and samples of a stage; nothing where it was not trained."""
    states = StateFolder(folder)
    record = states.last_record()
    evaluation = states.evaluation()
    if record is None or evaluation is None:
        return {}
    figures = {name: value for name, value in evaluation.figures.items() if name.startswith(_PREFIX)}
    samples = figures.pop(_SAMPLES, None)
    return {
        "steps": record.progress.step,
        "minutes": round(record.progress.elapsed_s / 60, 1),
        "held_out": {name.removeprefix(_PREFIX): _number(value) for name, value in figures.items()},
        "samples": None if samples is None else int(samples),
    }
