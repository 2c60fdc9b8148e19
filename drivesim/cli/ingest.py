"""`drivesim ingest`: makes drive logs from footage of real drives."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import console, description, print_json, say
from drivesim.data.ingest.formats.names import Format
from drivesim.errors import FootageError
from drivesim.escapes import escaped
from drivesim.wording import counted

if TYPE_CHECKING:
    from drivesim.data.ingest.session import Ingested, Underway
    from drivesim.data.ingest.settings import CameraSettings
    from drivesim.data.ingest.summary import Summary


class TimeOfDay(StrEnum):
    day = "day"
    night = "night"


def ingest(
    format: Annotated[Format, typer.Argument(help="Format of the footage and its labels.")],
    path: Annotated[Path, typer.Argument(help="File or folder: videos, pictures, label files, or a data set.")],
    out: Annotated[Path, typer.Option(help="Folder for the drive logs.")],
    media: Annotated[
        Path | None,
        typer.Option(help="Folder of the pictures, or the video, of label files.", show_default="beside them"),
    ] = None,
    fps: Annotated[
        float, typer.Option(min=0.25, max=120, help="Frame rate of the drive logs; it is halved for slower footage.")
    ] = 10.0,
    width: Annotated[
        int, typer.Option(min=256, max=4096, help="Largest width of the frames; they are half as high.")
    ] = 1024,
    crop_x: Annotated[
        float, typer.Option(min=0, max=1, help="Horizontal place of the crop: 0 is left, 1 is right.")
    ] = 0.5,
    crop_y: Annotated[
        float, typer.Option(min=0, max=1, help="Vertical place of the crop: 0 is top, 1 is bottom.")
    ] = 0.5,
    log_seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="Longest drive log in seconds; longer recordings are cut.")
    ] = 60.0,
    source_fps: Annotated[
        float | None,
        typer.Option(min=0.01, max=1000, help="Frame rate of footage that does not contain it.", show_default=False),
    ] = None,
    time_of_day: Annotated[
        TimeOfDay | None, typer.Option(help="Time of day of recordings that lack it.", show_default="from brightness")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Picture whose black pixels are hidden, such as the bonnet.", show_default=False)
    ] = None,
    fov: Annotated[
        float | None,
        typer.Option(min=6, max=174, help="Horizontal field of view of the camera in degrees.", show_default=False),
    ] = None,
    camera_height: Annotated[
        float | None,
        typer.Option(min=0.01, max=1000, help="Height of the camera above the road in metres.", show_default=False),
    ] = None,
    camera_pitch: Annotated[
        float, typer.Option(min=-89, max=89, help="Pitch of the camera in degrees, positive upwards.")
    ] = 0.0,
    odometry: Annotated[
        bool, typer.Option("--odometry", help="Estimate ego motion from the frames if no table has it.")
    ] = False,
    wheelbase: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=100,
            help="Wheelbase in metres; with --steering-ratio, it gives the yaw rate.",
            show_default=False,
        ),
    ] = None,
    steering_ratio: Annotated[
        float | None,
        typer.Option(min=0.1, max=100, help="Angle of the steering wheel per angle of the wheels.", show_default=False),
    ] = None,
    tables: Annotated[bool, typer.Option(help="Read NAME.csv or NAME.json beside each video.")] = True,
    detector: Annotated[
        Path | None,
        typer.Option(help="ONNX file of a vehicle detector for footage without annotations.", show_default=False),
    ] = None,
    detector_settings: Annotated[
        Path | None, typer.Option(help="File with the settings of the detector.", show_default="beside it")
    ] = None,
    blur: Annotated[
        Path | None,
        typer.Option(help="ONNX file of a detector of faces or number plates to blur.", show_default=False),
    ] = None,
    blur_settings: Annotated[
        Path | None, typer.Option(help="File with the settings of the --blur detector.", show_default="beside it")
    ] = None,
    held_out: Annotated[
        list[str] | None, typer.Option(help="Name of a recording to keep out of training; may be repeated.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Number of recordings at a time, with one process per recording.")
    ] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Make drive logs from real footage: videos, pictures, and the labels of public data sets.

    Broken recordings are named and skipped (exit code 1). The same command again continues where the last one stopped.
    """
    from drivesim.data.ingest.formats.formats import SourceOptions, recordings_of
    from drivesim.data.ingest.formats.motion_table import Steering
    from drivesim.data.ingest.session import held_out as kept_out
    from drivesim.data.ingest.session import ingest as run
    from drivesim.data.ingest.settings import IngestSettings
    from drivesim.data.ingest.summary import summarized, write_contact_sheet, write_summary

    if (wheelbase is None) != (steering_ratio is None):
        raise FootageError("--wheelbase and --steering-ratio describe the vehicle together: give both")
    settings = IngestSettings(
        fps=fps,
        width=width,
        seconds_per_log=log_seconds,
        horizontal=crop_x,
        vertical=crop_y,
        mask=mask,
        camera=_camera(fov, camera_height, camera_pitch),
        time_of_day=None if time_of_day is None else time_of_day.value,
        detector=detector,
        detector_settings=detector_settings,
        odometry=odometry,
        blur=blur,
        blur_settings=blur_settings,
    )
    steering = None if wheelbase is None or steering_ratio is None else Steering(wheelbase, steering_ratio)
    found = recordings_of(format, path, SourceOptions(media, source_fps, steering, tables))
    done = _followed(run(kept_out(found, held_out or ()), out, settings, workers))
    summary = summarized(out, done)
    write_summary(summary, out)
    sheet = write_contact_sheet(out)
    if as_json:
        print_json({"out": str(out), **summary.as_json()}, indent=1)
    else:
        _show(summary, out, sheet)
    if summary.rejected or summary.partly:
        raise typer.Exit(1)


def _camera(fov: float | None, height: float | None, pitch: float) -> CameraSettings | None:
    from drivesim.data.ingest.settings import CameraSettings

    if fov is None:
        if height is not None or pitch:
            raise FootageError("--camera-height and --camera-pitch need --fov, the camera's field of view")
        return None
    return CameraSettings(math.radians(fov), height, math.radians(pitch))


def _followed(events: Iterator[Ingested | Underway]) -> list[Ingested]:
    """Runs an ingest with a progress bar and prints problems on stderr."""
    from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

    from drivesim.data.ingest.session import Underway

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    done: list[Ingested] = []
    frames: dict[str, int] = {}
    columns = (SpinnerColumn(), description(), TimeElapsedColumn())
    with Progress(*columns, console=console(), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting")
        for event in events:
            if isinstance(event, Underway):
                frames[event.name] = event.frames
            else:
                done.append(event)
                for problem in event.problems:
                    progress.console.print(escaped(f"{event.name}: {problem}"), soft_wrap=True)
            progress.update(
                task, description=f"{counted(len(done), 'recording')} done, {counted(sum(frames.values()), 'frame')}"
            )
    return done


def _show(summary: Summary, out: Path, sheet: Path | None) -> None:
    sizes = [
        counted(summary.logs, "drive log"),
        counted(summary.frames, "frame"),
        counted(summary.boxes, "box", "boxes"),
    ]
    hours = f"{summary.hours:.2f} h in {', '.join(sizes)}"
    lines = [f"{out}: {hours}"]
    for title, parts in (
        ("frame rate, hours", summary.fps),
        ("time of day, hours", summary.time_of_day),
        ("vehicles, hours", summary.vehicles),
        ("ego motion, hours", summary.ego_motion),
        ("vehicles in view, frames", summary.crowdedness),
    ):
        if parts:
            lines.append(f"  {title}: " + ", ".join(f"{name} {value:g}" for name, value in parts.items()))
    if summary.repeated_frames:
        lines.append(f"  {summary.repeated_frames} repeated frames dropped")
    if summary.largest_offset_s:
        lines.append(f"  frames are up to {1000 * summary.largest_offset_s:.0f} ms off their place in time")
    if summary.rejected:
        lines.append(f"  {counted(len(summary.rejected), 'recording')} rejected")
    if sheet is not None:
        lines.append(f"  {sheet}")
    for line in lines:
        say(line, err=True)
