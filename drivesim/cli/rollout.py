"""`drivesim rollout`: the main job, a scenario file becomes an archive and videos.

drivesim rollout scenarios/cut_in_night.yaml --out out
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.options import (
    CheckpointsOption,
    CrfOption,
    Device,
    DeviceOption,
    Frames,
    FramesOption,
    FuturesOption,
    GateOption,
    IndexOption,
    JsonOption,
    Precision,
    PrecisionOption,
    Preset,
    PresetOption,
    SeedOption,
    ThreadsOption,
    WorkersOption,
    chosen_device,
    default_workers,
    warn_where_slow,
)

if TYPE_CHECKING:
    from drivesim.rollout.job import RolloutJob


def rollout(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[Path, typer.Option(help="Folder for the archive, the videos and the pictures.")],
    seed: SeedOption = None,
    futures: FuturesOption = None,
    index: IndexOption = None,
    preset: PresetOption = Preset.fast,
    checkpoints: CheckpointsOption = None,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = 1,
    workers: WorkersOption = None,
    frames: FramesOption = Frames.lossless,
    crf: CrfOption = 20,
    gate: GateOption = 1,
    precision: PrecisionOption = Precision.float32,
    as_json: JsonOption = False,
) -> None:
    """Make the futures of a scenario: OUT/<name>.zarr, and OUT/<name>/ with videos, posters and a contact sheet.

    The same command again continues where the last one stopped.
    """
    from drivesim.assets import default_checkpoints
    from drivesim.cli.validate import unheeded_parts
    from drivesim.rollout.job import RolloutJob
    from drivesim.scenario import load_case

    scenario = load_case(file, index)
    device_name, checkpoints = chosen_device(device), checkpoints or default_checkpoints()
    for sentence in unheeded_parts(scenario, checkpoints):
        typer.echo(f"{file}: warning: {sentence}", err=True)
    job = RolloutJob(
        scenario,
        out,
        checkpoints,
        scenario.seed if seed is None else seed,
        futures or scenario.futures,
        preset.value,
        device_name,
        threads,
        workers or default_workers(device_name, threads),
        frames.value,
        crf,
        gate,
        precision=precision.value,
    )
    run_and_tell(job, as_json)


def run_and_tell(job: RolloutJob, as_json: bool) -> None:
    """Runs a job under bars, then says on stdout what it made."""
    warn_where_slow(job.frames_precision or job.precision, job.device)
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


def _run(job: RolloutJob) -> list[Path]:
    """Runs a job under a bar a future; returns the previews that were written."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from drivesim.rollout.job import Committed, Opened, PreviewWritten, run_rollout
    from drivesim.rollout.workers import Progress as Step

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
