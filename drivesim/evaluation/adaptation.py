"""An adaptation to a user's footage, with held-out figures before and after it.

CHECKPOINTS/adaptation/
    settings.json                       what the adaptation was begun with
    before/, after/                     reconstruction.json, futures.json, futures.png
    report.json, report.md              the figures side by side

The figures are those of `drivesim evaluate reconstruction` and `drivesim evaluate futures` on the same held-out frames
and moments. What was measured is not measured again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim import durable
from drivesim.archive.export import write_png
from drivesim.archive.sealed_json import seal, unseal
from drivesim.engine import Engine, settings_named
from drivesim.errors import InputError
from drivesim.evaluation.compare import Comparison, compare_reports
from drivesim.evaluation.futures import (
    ROLES,
    FuturesTask,
    compared_futures,
    futures_report,
    futures_sheet,
    spread_starts,
)
from drivesim.evaluation.metrics.features import EfficientNetLite0
from drivesim.evaluation.protocol import Figure, Report
from drivesim.evaluation.reconstruction import reconstruction_report
from drivesim.evaluation.samples.footage import OnProgress, measured_footage
from drivesim.models.checkpoints import CheckpointSet

_FOLDER, _SETTINGS = "adaptation", "settings.json"
_PRESET = "fast"
_MEASURED_ON = "measured on"
_SHOWN = {
    ("psnr_db", "decoded"): "reconstruction, PSNR in dB",
    ("perceptual", "decoded"): "reconstruction, perceptual distance",
    ("best_of_k", "futures"): "best future, perceptual distance",
    ("mean_of_k", "futures"): "mean of the futures, perceptual distance",
    ("perceptual", "held"): "last known frame repeated, perceptual distance",
    ("perceptual", "reconstructed"): "real future reconstructed, perceptual distance",
    ("frechet_distance", "futures"): "futures, Fréchet distance",
    ("frechet_distance", "reconstructed"): "real future reconstructed, Fréchet distance",
}
"""The figures of the table, by name and group, and what they are called there."""


@dataclass(frozen=True)
class HeldOutCheck:
    """What is measured on held-out footage.

    Attributes:
        held_out: Names of the recordings that are held out; without any, the names of the logs decide.
        frames: Number of frames that are reconstructed.
        starts: Number of moments that futures start from.
        futures: Number of futures per moment.
        seconds: Length of the futures.
    """

    held_out: frozenset[str] = frozenset()
    frames: int = 128
    starts: int = 8
    futures: int = 2
    seconds: float = 2.4

    def in_words(self) -> str:
        """Returns everything that the check is set to, on one line."""
        what = f"{self.frames} frames, {self.starts} starts, {self.futures} futures of {self.seconds:g} s"
        return f"{what}, held out: {', '.join(sorted(self.held_out)) or 'by name'}"


def begin(checkpoints: Path, held_out: frozenset[str], from_scratch: bool) -> None:
    """Records what an adaptation is begun with, or compares it with what it was begun with.

    Raises:
        InputError: The folder was adapted with other recordings held out, or started otherwise.
    """
    folder = checkpoints / _FOLDER
    wanted = {"held_out": sorted(held_out), "from_scratch": from_scratch}
    path = folder / _SETTINGS
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        durable.write_file(path, seal(wanted))
        return
    try:
        there = unseal(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: {error}; use another --out") from None
    if there != wanted:
        raise InputError(
            f"{checkpoints}: was begun with {_begun_with(there)}; this command has {_begun_with(wanted)}. Models must "
            "not have seen what they are measured on; use another --out"
        )


def _begun_with(settings: dict[str, Any]) -> str:
    held_out = ", ".join(settings["held_out"])
    options = f"--held-out {held_out}" if held_out else "no --held-out"
    return options + (" and --from-scratch" if settings["from_scratch"] else "")


def measure(
    models: Path, data: Path, check: HeldOutCheck, into: Path, device: str, on_progress: OnProgress
) -> list[Report]:
    """Measures a set of checkpoints on held-out footage, unless that was done before.

    Args:
        models: Folder of the checkpoints.
        data: Folder of the footage.
        check: What is measured.
        into: Folder of the reports and of `futures.png`, real futures above sampled ones.
        device: Device on which the networks run.
        on_progress: Is called with the progress of the work.

    Returns:
        The reports on reconstruction and on futures.

    Raises:
        FootageError: No held-out log is long enough.
        CheckpointError: The autoencoder or the prediction model is missing or damaged.
    """
    engine = Engine(CheckpointSet.open(models), device)
    for role in ROLES:
        engine.checkpoints.verify(role)
    paths = [into / f"{name}.json" for name in ("reconstruction", "futures")]
    known = [_known(path, engine.checkpoints, check) for path in paths]
    video = engine.video
    if known[0] is None:
        footage = measured_footage(
            data, video.low_height, video.low_width, check.frames, "held_out", 0, on_progress, check.held_out
        )
        report = reconstruction_report(engine.checkpoints, footage, 0, device, on_progress)
        known[0] = _written(report, check, paths[0])
    if known[1] is None:
        task = FuturesTask.lasting(check.seconds, video.keyframe_fps, check.futures)
        duration_s = task.duration_s(video.keyframe_fps)
        starts = spread_starts(data, "held_out", check.starts, duration_s, check.held_out)
        compared = list(compared_futures(engine, starts, task, settings_named(_PRESET), on_progress))
        write_png(futures_sheet(compared[:8]), into / "futures.png")
        report = futures_report(engine, compared, task, EfficientNetLite0(device), _PRESET)
        known[1] = _written(report, check, paths[1])
    return [report for report in known if report is not None]


def folder_of(checkpoints: Path, when: str) -> Path:
    """Returns where the reports `before` or `after` an adaptation lie."""
    return checkpoints / _FOLDER / when


def write_report(checkpoints: Path, before: list[Report], after: list[Report], training: dict[str, Any]) -> None:
    """Writes `report.json` and `report.md`: the figures before and after, and those of the training itself.

    Args:
        checkpoints: Folder of the adapted checkpoints.
        before: The reports before the adaptation; none if it started from nothing.
        after: The reports after it.
        training: The report of the chain (`chain_report`).
    """
    rows = _rows(before, after)
    content = {"format": 1, "figures": rows, "training": training}
    folder = checkpoints / _FOLDER
    durable.write_changed_file(folder / "report.json", json.dumps(content, indent=1).encode() + b"\n")
    durable.write_changed_file(folder / "report.md", _table(rows).encode())


def report_text(checkpoints: Path, as_json: bool) -> str:
    """Returns the content of the report that `write_report` wrote."""
    return (checkpoints / _FOLDER / ("report.json" if as_json else "report.md")).read_text()


def _known(path: Path, models: CheckpointSet, check: HeldOutCheck) -> Report | None:
    """A report that was made of these very checkpoints by the same check; None if there is none."""
    if not path.is_file():
        return None
    report = Report.read(path)
    same = all(models.sha256[role] == report.subject[role] for role in ROLES if role in report.subject)
    return report if same and report.subject.get(_MEASURED_ON) == check.in_words() else None


def _written(report: Report, check: HeldOutCheck, path: Path) -> Report:
    report = Report(report.evaluation, {**report.subject, _MEASURED_ON: check.in_words()}, report.figures)
    report.write(path)
    return report


def _rows(before: list[Report], after: list[Report]) -> list[dict[str, Any]]:
    pairs: list[tuple[Figure | None, Figure]]
    if not before:
        pairs = [(None, figure) for report in after for figure in report.figures]
    else:
        compared = [pair for one, two in zip(before, after, strict=True) for pair in compare_reports(one, two)]
        pairs = [(pair.first, pair.second) for pair in compared]
    return [_row(first, second) for first, second in pairs if (second.name, second.group) in _SHOWN]


def _row(first: Figure | None, second: Figure) -> dict[str, Any]:
    row = {"figure": _SHOWN[second.name, second.group], "samples": second.count, "after": _numbers(second)}
    if first is not None:
        row |= {"before": _numbers(first), "apart": Comparison(first, second).apart}
    return row


def _numbers(figure: Figure) -> dict[str, float | None]:
    return {"value": figure.value, "low": figure.low, "high": figure.high}


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["| held out | before | after | intervals | samples |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        apart = "–" if "apart" not in row else "apart" if row["apart"] else "overlap"
        cells = [row["figure"], _cell(row.get("before")), _cell(row["after"]), apart, str(row["samples"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(numbers: dict[str, float | None] | None) -> str:
    if numbers is None or numbers["value"] is None:
        return "–"
    if numbers["low"] is None:
        return f"{numbers['value']:.4g}"
    return f"{numbers['value']:.4g} ({numbers['low']:.4g} to {numbers['high']:.4g})"
