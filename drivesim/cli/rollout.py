"""`drivesim rollout`: the main job, a scenario file becomes an archive and videos.

drivesim rollout scenarios/night_cut_in.yaml --out out
"""

from __future__ import annotations

import json
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from drivesim.batch.jobs import RolloutJob


class Preset(StrEnum):
    fast = "fast"
    quality = "quality"


class Frames(StrEnum):
    lossless = "lossless"
    none = "none"


class Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def rollout(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[Path, typer.Option(help="Folder for the archive, the videos and the pictures.")],
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Instead of the scenario's.", show_default=False)
    ] = None,
    futures: Annotated[
        int | None, typer.Option(min=1, max=64, help="Instead of the scenario's.", show_default=False)
    ] = None,
    index: Annotated[
        int | None, typer.Option(min=0, help="Case of a scenario with a `sweep`.", show_default=False)
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="fast: 10 frames a second; quality: 40, and more steps.")
    ] = Preset.fast,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder of trained models.", show_default="the default that ships")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.auto,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each worker; the bits depend on it.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes.", show_default="one a core, one on a GPU")
    ] = None,
    frames: Annotated[
        Frames, typer.Option(help="none: keep latents alone and make no video; `drivesim render` makes both later.")
    ] = Frames.lossless,
    crf: Annotated[int, typer.Option(min=0, max=51, help="Quality of the videos: 0 is the largest file.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make the futures of a scenario: OUT/<name>.zarr, and OUT/<name>/ with videos, posters and a contact sheet.

    The same command again continues where the last one stopped.
    """
    from drivesim.assets import default_checkpoints
    from drivesim.batch.jobs import RolloutJob
    from drivesim.scenario import load_case

    scenario = load_case(file, index)
    device_name = chosen_device(device)
    job = RolloutJob(
        scenario,
        out,
        checkpoints or default_checkpoints(),
        scenario.seed if seed is None else seed,
        futures or scenario.futures,
        preset.value,
        device_name,
        threads,
        workers or default_workers(device_name, threads),
        frames.value,
        crf,
    )
    run_and_tell(job, as_json)


def run_and_tell(job: RolloutJob, as_json: bool) -> None:
    """Runs a job under bars, then says on stdout what it made."""
    start = time.monotonic()
    written = _run(job)
    seconds = round(time.monotonic() - start, 1)
    if as_json:
        result = {"archive": str(job.archive_path), "previews": str(job.preview_folder), "seed": job.seed}
        result |= {"futures": job.futures, "written": [str(path) for path in written], "seconds": seconds}
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"{job.archive_path}: {job.futures} futures of {job.scenario.duration_s:g} s, in {seconds} s")
        for path in written:
            typer.echo(path)


def chosen_device(device: Device) -> str:
    """`cpu` or `cuda`; InputError where there is no CUDA device and one is asked for."""
    import torch

    from drivesim.errors import InputError

    if device == Device.cuda and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return "cuda" if device != Device.cpu and torch.cuda.is_available() else "cpu"


def default_workers(device: str, threads: int) -> int:
    """One worker on a GPU, else one for each `threads` cores that this process may use."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if device == "cuda" else max(1, cores // threads)


def _run(job: RolloutJob) -> list[Path]:
    """Runs a job under a bar a future; returns the previews that were written."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from drivesim.batch.jobs import Committed, Opened, PreviewWritten, run_rollout
    from drivesim.batch.workers import Progress as Step

    columns = (TextColumn("{task.description:<34}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    written: list[Path] = []
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), speed_estimate_period=300) as bars:
        tasks, parts, num_windows = [], {}, 1
        for event in run_rollout(job):
            match event:
                case Opened():
                    num_windows = event.num_windows
                    tasks = [bars.add_task(f"future {k}  starting", total=num_windows) for k in range(job.futures)]
                    for future, committed in enumerate(event.committed):
                        bars.update(tasks[future], completed=committed)
                        parts |= {(future, window): 1.0 for window in range(committed)}
                case Step():
                    parts[event.future, event.window] = event.fraction
                    text = f"future {event.future}  window {event.window + 1}/{num_windows}  {event.stage}"
                    done = sum(part for (future, _), part in parts.items() if future == event.future)
                    bars.update(tasks[event.future], description=text, completed=done)
                case Committed():
                    parts[event.future, event.window] = 1.0
                case PreviewWritten():
                    written.append(event.path)
    return written
