"""Options that several verbs share, and what follows from them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.lines import say


class Preset(StrEnum):
    fast = "fast"
    quality = "quality"


class FrameStorage(StrEnum):
    lossless = "lossless"
    none = "none"


class Precision(StrEnum):
    float32 = "float32"
    bfloat16 = "bfloat16"


class Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


MOST_THREADS, MOST_WORKERS = 1024, 1024
LAST_CASE, LAST_FUTURE = 9_999, 9_998
"""The largest numbers of a case of a sweep, and of a future of an archive."""

SeedOption = Annotated[
    int | None, typer.Option(min=0, max=2**63 - 1, help="Seed of the run.", show_default="the scenario's")
]
IndexOption = Annotated[
    int | None,
    typer.Option(min=0, max=LAST_CASE, help="Number of the case, for a scenario with a `sweep`.", show_default=False),
]
FuturesOption = Annotated[
    int | None, typer.Option(min=1, max=64, help="Number of futures.", show_default="each scenario's")
]
PresetOption = Annotated[
    Preset, typer.Option(help="fast: 10 frames per second. quality: 40 frames per second and more sampling steps.")
]
CheckpointsOption = Annotated[
    Path | None, typer.Option(help="Folder of trained models.", show_default="the default that ships")
]
DeviceOption = Annotated[Device, typer.Option(help="Device on which the networks run.")]
PrecisionOption = Annotated[
    Precision,
    typer.Option(help="Number format of the networks. bfloat16 is faster on processors and GPUs that support it."),
]
ThreadsOption = Annotated[
    int,
    typer.Option(min=1, max=MOST_THREADS, help="Number of CPU threads per worker; the bits of the video depend on it."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_WORKERS, help="Number of worker processes.", show_default="one per core, one on a GPU"
    ),
]
FramesOption = Annotated[
    FrameStorage,
    typer.Option(
        help="lossless: store frames and make videos. none: store only latents; `drivesim render` adds frames."
    ),
]
CrfOption = Annotated[
    int, typer.Option(min=0, max=51, help="Quality of the videos: 0 makes the largest files, 51 the smallest.")
]
GateOption = Annotated[
    int, typer.Option(min=1, max=64, help="Maximum number of attempts at the first frame; the best one is kept.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def chosen_device(device: Device) -> str:
    """Returns `cpu` or `cuda`; raises InputError if a CUDA device is asked for and there is none."""
    from drivesim.rollout import machine

    return machine.chosen_device(device.value)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it; raises InputError if it cannot be made."""
    from drivesim.durable import unwritable
    from drivesim.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{folder}: cannot be made (is a file); choose another --out") from error
    except OSError as error:
        raise unwritable(folder, error, "cannot be made") from error


def warn_where_slow(precision: str, device: str) -> None:
    """Says on stderr if bfloat16 is asked for on a device that has no instructions for it."""
    from drivesim.models.precision import BFLOAT16, bfloat16_is_fast

    if precision == BFLOAT16 and not bfloat16_is_fast(device):
        message = "--precision bfloat16: this {} has no instructions for it, so float32 is faster"
        say(message.format("GPU" if device == "cuda" else "processor"), err=True)


def default_workers(device: str, threads: int) -> int:
    """Returns one worker on a GPU, otherwise one worker per `threads` cores that this process may use."""
    from drivesim.rollout import machine

    return machine.default_workers(device, threads)
