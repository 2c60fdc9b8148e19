"""Options that `train STAGE`, `train chain` and `adapt` share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import console, description
from drivesim.cli.options import MOST_THREADS
from drivesim.errors import InputError
from drivesim.escapes import escaped

if TYPE_CHECKING:
    from drivesim.models.presets import Preset

MOST_STEPS = 10**9
MOST_MINUTES = 1e7
"""Upper bound of a number of minutes, about nineteen years; it also excludes NaN and infinity."""

Data = Annotated[
    str, typer.Option(help="Folder with drive logs, at any depth, or with packed footage; or its URL (s3://...).")
]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder for copies of footage from URLs.", show_default="~/.cache/drivesim/footage"),
]
Out = Annotated[
    Path, typer.Option(help="Folder for the trained checkpoints, which also holds those that a stage builds on.")
]
PresetName = Annotated[str, typer.Option(help="Sizes of all networks: tiny, demo or paper.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the batches and the noise.")]
HeldOut = Annotated[
    list[str] | None,
    typer.Option(
        help="Name of a recording that is kept out of training and measured on; may be repeated.",
        show_default="by name",
    ),
]
Device = Annotated[str, typer.Option(help="Device to train on: cpu or cuda.")]
Threads = Annotated[
    int,
    typer.Option(min=1, max=MOST_THREADS, help="Number of CPU threads per process; more are faster if cores are idle."),
]
Minutes = Annotated[
    float,
    typer.Option(min=0.0, max=MOST_MINUTES, help="Training time for all stages together, in minutes; more than 0."),
]
Share = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STAGE=NUMBER",
        help="Share of the time for a stage, relative to the others; 0 leaves the stage out. Can be repeated.",
    ),
]
StageSteps = Annotated[int | None, typer.Option(min=1, max=MOST_STEPS, help="Maximum number of steps per stage.")]
BatchScale = Annotated[
    int, typer.Option(min=1, max=256, help="Factor by which the batch size of each stage is multiplied.")
]
Plan = Annotated[bool, typer.Option("--plan", help="Print what would be trained, without training.")]
PlanOrReportAsJson = Annotated[bool, typer.Option("--json", help="Print the plan or the report as JSON.")]
EvaluateMinutes = Annotated[
    float,
    typer.Option(
        min=0.0, max=MOST_MINUTES, help="Time between evaluations in minutes; each evaluation also saves the state."
    ),
]


def require_time(minutes: float) -> None:
    """Raises InputError if there is no time to train in."""
    if not minutes:
        raise InputError("--minutes: expected a number above 0: without time no stage is trained")


def preset_of(name: str) -> Preset:
    """Returns the preset with this name; raises InputError if there is none."""
    from drivesim.models.presets import preset_named

    try:
        return preset_named(name)
    except ValueError as error:
        raise InputError(f"--preset: {error}") from None


def device_of(name: str) -> str:
    """Returns the device; raises InputError if it is not cpu or cuda, or if there is no CUDA device."""
    import torch

    if name not in ("cpu", "cuda"):
        raise InputError(f"--device: expected cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return name


def local_data(data: str, cache: Path | None) -> Path:
    """Returns the folder of the footage, under a progress bar while it is copied from a URL."""
    from rich.progress import BarColumn, Progress

    from drivesim.training.loop.distributed import rank
    from drivesim.training.preparation.footage import local_footage

    columns = (description(), BarColumn())
    hidden = not sys.stderr.isatty() or rank() > 0 or "://" not in data
    with Progress(*columns, console=console(), disable=hidden, transient=True) as progress:
        task = progress.add_task("looking for footage", total=1.0)

        def show(text: str, done: int, total: int) -> None:
            progress.update(task, description=escaped(text), completed=done, total=total)

        return local_footage(data, cache, show)
