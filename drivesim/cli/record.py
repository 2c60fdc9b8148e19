"""`drivesim record`: drive logs from the procedural world.

drivesim record --out logs/clips --minutes 10 --seed 1
drivesim record --out logs/stills --minutes 10 --seed 1 --stills
"""

from __future__ import annotations

import json
import signal
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.errors import FootageError, MissingExtraError

if TYPE_CHECKING:
    from drivesim.world.record_session import LogRecorded, RecordSession


class TimeOfDay(StrEnum):
    day = "day"
    night = "night"


def record(
    out: Annotated[Path, typer.Option(help="Folder for the drive logs, one folder each.")],
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first log; the others count on from it.")] = 0,
    logs: Annotated[int | None, typer.Option(help="Stop after so many logs.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second; 10 for clips, 0.25 for stills.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames a log; 4 s by default (1.2 s above 20 fps).")] = None,
    stills: Annotated[bool, typer.Option("--stills", help="Unrelated frames, other traffic in each.")] = False,
    time_of_day: Annotated[TimeOfDay | None, typer.Option(help="By default the seed decides.")] = None,
    supersample: Annotated[int, typer.Option(min=1, max=4, help="Render so many times larger, then shrink.")] = 1,
    size: Annotated[str, typer.Option(help="Height and width of the video, in pixels.")] = "512x1024",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary.")] = False,
) -> None:
    """Record drive logs (video and exact labels) from the procedural world.

    The same command again goes on where the last one stopped.
    """
    try:
        from drivesim.world.record_session import RecordSession
        from drivesim.world.recorder import Recipe
    except ImportError as error:
        raise MissingExtraError(
            f"recording needs the package {error.name}: install it with  pip install 'drivesim[world]'"
        ) from error
    height, width = parse_size(size)
    make = Recipe.single_frames if stills else Recipe.clip
    given = {} if fps is None else {"fps": fps}
    recipe = make(num_frames=frames, height=height, width=width, time_of_day=time_of_day and time_of_day.value, **given)
    session = RecordSession(out, recipe, seed, logs, minutes, workers, supersample)
    new, existing, seconds = _run(session)
    if as_json:
        typer.echo(json.dumps({"out": str(out), "recorded": new, "existing": existing, "seconds": round(seconds, 1)}))
    else:
        rate = new * recipe.num_frames / max(seconds, 1e-6)
        typer.echo(f"{out}: {new} drive logs recorded ({rate:.1f} frames/s), {existing} were there", err=True)


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from `512x1024`; raises `FootageError` where they cannot be a video's."""
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()) or int(height) % 2 or int(width) % 2 or not int(height) * int(width):
        raise FootageError(f"--size: expected even HEIGHTxWIDTH such as 512x1024, got {text!r}")
    return int(height), int(width)


def _run(session: RecordSession) -> tuple[int, int, float]:
    """Runs a session under a progress bar; returns the logs recorded, the logs that existed, and the seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from drivesim.world.record_session import run_session

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    start = time.monotonic()
    done: list[LogRecorded] = []
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting", total=1.0)
        for report in run_session(session):
            done.append(report)
            seconds = time.monotonic() - start
            new = sum(not log.existed for log in done)
            rate = new * session.recipe.num_frames / seconds
            by_logs = len(done) / session.num_logs if session.num_logs else 0.0
            by_time = seconds / (60 * session.minutes) if session.minutes else 0.0
            text = f"{len(done)} logs, {rate:.1f} frames/s"
            progress.update(task, completed=min(1.0, max(by_logs, by_time)), description=text)
    existing = sum(log.existed for log in done)
    return len(done) - existing, existing, time.monotonic() - start
