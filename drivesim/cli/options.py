"""Options that several verbs share, and what follows from them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Preset(StrEnum):
    fast = "fast"
    quality = "quality"


class Frames(StrEnum):
    lossless = "lossless"
    none = "none"


class Precision(StrEnum):
    float32 = "float32"
    bfloat16 = "bfloat16"


class Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


SeedOption = Annotated[
    int | None, typer.Option(min=0, max=2**63 - 1, help="Seed, instead of the scenario's.", show_default=False)
]
IndexOption = Annotated[int | None, typer.Option(min=0, help="Case of a scenario with a `sweep`.", show_default=False)]
FuturesOption = Annotated[
    int | None, typer.Option(min=1, max=64, help="Number of futures, instead of each scenario's.", show_default=False)
]
PresetOption = Annotated[Preset, typer.Option(help="fast: 10 frames per second; quality: 40, and more steps.")]
CheckpointsOption = Annotated[
    Path | None, typer.Option(help="Folder of trained models.", show_default="the default that ships")
]
DeviceOption = Annotated[Device, typer.Option(help="Where the networks run.")]
PrecisionOption = Annotated[
    Precision,
    typer.Option(help="Number format of the networks; bfloat16 is faster on processors and GPUs that support it."),
]
ThreadsOption = Annotated[int, typer.Option(min=1, help="CPU threads of each worker; the bits depend on it.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Number of worker processes.", show_default="one per core, one on a GPU")
]
FramesOption = Annotated[
    Frames, typer.Option(help="none: keep latents alone and make no video; `drivesim render` makes both later.")
]
CrfOption = Annotated[int, typer.Option(min=0, max=51, help="Quality of the videos: 0 is the largest file.")]
GateOption = Annotated[
    int, typer.Option(min=1, max=64, help="Maximum number of attempts at the first frame; the best one is kept.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def chosen_device(device: Device) -> str:
    """`cpu` or `cuda`; InputError where there is no CUDA device and one is asked for."""
    from drivesim.rollout import machine

    return machine.chosen_device(device.value)


def warn_where_slow(precision: str, device: str) -> None:
    """A line on stderr where bfloat16 is asked for on a device that has no instructions for it."""
    from drivesim.models.precision import BFLOAT16, bfloat16_is_fast

    if precision == BFLOAT16 and not bfloat16_is_fast(device):
        message = "--precision bfloat16: this {} has no instructions for it, so float32 is faster"
        typer.echo(message.format("GPU" if device == "cuda" else "processor"), err=True)


def default_workers(device: str, threads: int) -> int:
    """One worker on a GPU, else one for each `threads` cores that this process may use."""
    from drivesim.rollout import machine

    return machine.default_workers(device, threads)
