"""Options that `train STAGE` and `train chain` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.models.presets import Preset

Data = Annotated[Path, typer.Option(help="Folder with drive logs, at any depth, or with packed footage.")]
Out = Annotated[Path, typer.Option(help="Folder of checkpoints that stages build on, and where results go.")]
PresetName = Annotated[str, typer.Option(help="Sizes of all stages: tiny, demo or paper.")]
Seed = Annotated[int, typer.Option(help="Seed of batches and noise.")]
Device = Annotated[str, typer.Option(help="Device to train on: cpu or cuda.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Number of CPU threads of this process.")]
EvaluateMinutes = Annotated[float, typer.Option(help="Minutes from one evaluation to the next; each saves the state.")]


def preset_of(name: str) -> Preset:
    """The preset of this name. Raises InputError where there is none."""
    from drivesim.models.presets import preset_named

    try:
        return preset_named(name)
    except ValueError as error:
        raise InputError(f"--preset: {error}") from None
