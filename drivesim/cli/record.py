"""`drivesim record`: drive logs from the procedural world, or footage packed for training."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import console, description, print_json, say
from drivesim.errors import FootageError, MissingExtraError
from drivesim.wording import counted

if TYPE_CHECKING:
    from drivesim.world.recording.log_session import RecordSession
    from drivesim.world.recording.packed_session import PackedRecordSession


class TimeOfDay(StrEnum):
    day = "day"
    night = "night"


def record(
    out: Annotated[Path, typer.Option(help="Folder for the drive logs, one folder per log, or for packed footage.")],
    minutes: Annotated[float | None, typer.Option(min=0.001, max=1e7, help="Stop after this many minutes.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**62, help="Seed of the first log; each further log has the next seed.")
    ] = 0,
    logs: Annotated[int | None, typer.Option(min=1, max=10**9, help="Stop after this many logs.")] = None,
    fps: Annotated[
        float | None,
        typer.Option(min=0.01, max=240, help="Frames per second.", show_default="10 for clips, 0.25 for stills"),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1, max=10**6, help="Number of frames per log.", show_default="4 s, or 1.2 s above 20 frames per second"
        ),
    ] = None,
    stills: Annotated[
        bool, typer.Option("--stills", help="Record unrelated frames, each with its own traffic.")
    ] = False,
    time_of_day: Annotated[TimeOfDay | None, typer.Option(help="Time of day.", show_default="the seed decides")] = None,
    supersample: Annotated[
        int, typer.Option(min=1, max=4, help="Factor by which frames are rendered larger before they are shrunk.")
    ] = 1,
    packed: Annotated[
        bool, typer.Option("--packed", help="Record packed footage for training, in whole shards and without videos.")
    ] = False,
    size: Annotated[
        str,
        typer.Option(
            help="Height and width in pixels. With --packed there may be several sizes, separated by commas: "
            "the largest one is rendered, and the others are shrunk from it."
        ),
    ] = "512x1024",
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of worker processes.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Record drive logs, or packed footage, from the procedural world.

    A drive log holds video and exact labels. Running the same command again continues where the last run stopped.
    """
    try:
        from drivesim.world.recording.log_session import RecordSession
        from drivesim.world.recording.packed_session import PackedRecording, PackedRecordSession
        from drivesim.world.recording.recorder import Recipe
    except ImportError as error:
        raise MissingExtraError(
            f"recording needs the package {error.name}: install it with  pip install 'drivesim[world]'"
        ) from error
    sizes = [parse_size(text) for text in size.split(",")]
    if len(sizes) > 1 and not packed:
        raise FootageError("--size: a drive log has one size; several are for --packed")
    height, width = max(sizes)
    make = Recipe.single_frames if stills else Recipe.clip
    given = {} if fps is None else {"fps": fps}
    recipe = make(num_frames=frames, height=height, width=width, time_of_day=time_of_day and time_of_day.value, **given)
    if logs is None and minutes is None:
        raise FootageError("nothing says when the recording ends: give --logs or --minutes")
    if packed:
        kind = PackedRecording(recipe, tuple(sizes), seed, supersample)
        session = PackedRecordSession(out, (kind,), logs, minutes, workers)
        recorded = _packed_logs(session)
    else:
        recorded = _drive_logs(RecordSession(out, recipe, seed, logs, minutes, workers, supersample))
    new, existing, seconds = _followed(recorded, logs, minutes, recipe.num_frames)
    if as_json:
        print_json({"out": str(out), "recorded": new, "existing": existing, "seconds": round(seconds, 1)})
    else:
        rate = new * recipe.num_frames / max(seconds, 1e-6)
        recorded_logs = counted(new, "drive log")
        say(f"{out}: {recorded_logs} recorded ({rate:.1f} frames/s), {existing} existed before", err=True)


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from `512x1024`; raises `FootageError` where they cannot be a video's."""
    height, _, width = text.partition("x")
    digits = [side.isascii() and side.isdecimal() and len(side) < 10 for side in (height, width)]
    if not all(digits) or int(height) % 2 or int(width) % 2 or not int(height) * int(width):
        raise FootageError(f"--size: expected even HEIGHTxWIDTH such as 512x1024, got {text!r}")
    return int(height), int(width)


def _drive_logs(session: RecordSession) -> Iterator[tuple[int, bool]]:
    """Logs that are whole: how many, and whether they were there before."""
    from drivesim.world.recording.log_session import run_session

    for log in run_session(session):
        yield 1, log.existed


def _packed_logs(session: PackedRecordSession) -> Iterator[tuple[int, bool]]:
    """Records packed footage and yields what `_drive_logs` yields."""
    from drivesim.world.recording.packed_session import existing_shards, recording

    for shard in existing_shards(session):
        yield shard.num_logs, True
    with recording(session) as workers:
        for shard in workers.all_reports():
            yield shard.num_logs, False


def _followed(
    recorded: Iterator[tuple[int, bool]], num_logs: int | None, minutes: float | None, frames_per_log: int
) -> tuple[int, int, float]:
    """Records under a progress bar; returns the logs recorded, the logs that existed, and the seconds."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TimeElapsedColumn, TimeRemainingColumn

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    start, new, existing = time.monotonic(), 0, 0
    columns = (
        SpinnerColumn(),
        description(),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting", total=1.0)
        for count, existed in recorded:
            new, existing = new + count * (not existed), existing + count * existed
            seconds = time.monotonic() - start
            by_logs = (new + existing) / num_logs if num_logs else 0.0
            by_time = seconds / (60 * minutes) if minutes else 0.0
            text = f"{counted(new + existing, 'log')}, {new * frames_per_log / max(seconds, 1e-6):.1f} frames/s"
            progress.update(task, completed=min(1.0, max(by_logs, by_time)), description=text)
    return new, existing, time.monotonic() - start
