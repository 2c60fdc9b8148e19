"""Options that several verbs share, each said once; and what follows from them."""

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
    int | None, typer.Option(min=0, max=2**63 - 1, help="Instead of the scenario's.", show_default=False)
]
IndexOption = Annotated[int | None, typer.Option(min=0, help="Case of a scenario with a `sweep`.", show_default=False)]
FuturesOption = Annotated[
    int | None, typer.Option(min=1, max=64, help="Instead of each scenario's.", show_default=False)
]
PresetOption = Annotated[Preset, typer.Option(help="fast: 10 frames a second; quality: 40, and more steps.")]
CheckpointsOption = Annotated[
    Path | None, typer.Option(help="Folder of trained models.", show_default="the default that ships")
]
DeviceOption = Annotated[Device, typer.Option(help="Where the networks run.")]
PrecisionOption = Annotated[
    Precision, typer.Option(help="What networks compute in; bfloat16 is faster where the processor or GPU has it.")
]
ThreadsOption = Annotated[int, typer.Option(min=1, help="CPU threads of each worker; the bits depend on it.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Worker processes.", show_default="one a core, one on a GPU")
]
FramesOption = Annotated[
    Frames, typer.Option(help="none: keep latents alone and make no video; `drivesim render` makes both later.")
]
CrfOption = Annotated[int, typer.Option(min=0, max=51, help="Quality of the videos: 0 is the largest file.")]
GateOption = Annotated[
    int, typer.Option(min=1, max=64, help="Sample up to so often until the boxes are obeyed; keep the best.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def chosen_device(device: Device) -> str:
    """`cpu` or `cuda`; InputError where there is no CUDA device and one is asked for."""
    import torch

    from drivesim.errors import InputError

    if device == Device.cuda and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return "cuda" if device != Device.cpu and torch.cuda.is_available() else "cpu"


def warn_where_slow(precision: str, device: str) -> None:
    """A line on stderr where bfloat16 is asked for on a device that has no instructions for it."""
    from drivesim.models.precision import BFLOAT16, bfloat16_is_fast

    if precision == BFLOAT16 and not bfloat16_is_fast(device):
        message = "--precision bfloat16: this {} has no instructions for it, so that float32 is faster"
        typer.echo(message.format("GPU" if device == "cuda" else "processor"), err=True)


def default_workers(device: str, threads: int) -> int:
    """One worker on a GPU, else one for each `threads` cores that this process may use."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if device == "cuda" else max(1, cores // threads)
