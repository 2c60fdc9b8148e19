"""Options that `train STAGE` and `train chain` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.models.presets import Preset

MOST_MINUTES = 1e7
"""Nineteen years: what a number of minutes may be, so that it is no NaN and no infinity."""

Data = Annotated[Path, typer.Option(help="Folder with drive logs, at any depth, or with packed footage.")]
Out = Annotated[Path, typer.Option(help="Folder of checkpoints that stages build on, and where results go.")]
PresetName = Annotated[str, typer.Option(help="Sizes of all stages: tiny, demo or paper.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of batches and noise.")]
Device = Annotated[str, typer.Option(help="Device to train on: cpu or cuda.")]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="Number of CPU threads of this process.")]
EvaluateMinutes = Annotated[
    float,
    typer.Option(min=0.0, max=MOST_MINUTES, help="Minutes from one evaluation to the next; each saves the state."),
]


def preset_of(name: str) -> Preset:
    """The preset of this name. Raises InputError where there is none."""
    from drivesim.models.presets import preset_named

    try:
        return preset_named(name)
    except ValueError as error:
        raise InputError(f"--preset: {error}") from None


def device_of(name: str) -> str:
    """The device of a name; raises InputError for another one than cpu and cuda, and where there is no CUDA device."""
    import torch

    if name not in ("cpu", "cuda"):
        raise InputError(f"--device: expected cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return name
