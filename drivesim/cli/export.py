"""`drivesim export ARCHIVE --format mp4|png|coco|rerun --out DIR`: take frames out of an archive.

With coco, `future_00_requested.json` says what the scenario asks for and `future_00_detected.json` what the vehicle
detector finds; both name the pictures in `future_00/`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.check import require_archive
from drivesim.cli.lines import console, print_json, say
from drivesim.cli.options import LAST_FUTURE, CheckpointsOption, JsonOption
from drivesim.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from drivesim.archive import Archive
    from drivesim.archive.reader import Rollout
    from drivesim.models.vehicle_detector import VehicleDetector


class ExportFormat(StrEnum):
    mp4 = "mp4"
    png = "png"
    coco = "coco"
    rerun = "rerun"


def export(
    archive: Annotated[Path, typer.Argument(help="Archive, such as out/cut_in_day.zarr.")],
    format: Annotated[
        ExportFormat,
        typer.Option(
            help="mp4: videos. png: pictures. coco: pictures with labels. "
            "rerun: .rrd recordings with frames, requested and detected boxes and the ego."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files, such as future_00.mp4 or future_00/000000.png.")],
    future: Annotated[
        int | None,
        typer.Option(
            min=0, max=LAST_FUTURE, help="Export only the future with this number.", show_default="all futures"
        ),
    ] = None,
    crf: Annotated[
        int, typer.Option(min=0, max=51, help="Quality of mp4: 0 makes the largest files, 51 the smallest.")
    ] = 18,
    boxes: Annotated[
        bool,
        typer.Option(
            "--boxes",
            help="Draw boxes on videos and pictures: requested ones in the colours of their categories, and thin white "
            "ones where the vehicle detector finds a vehicle.",
        ),
    ] = False,
    checkpoints: CheckpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the frames of an archive as videos, pictures, labelled pictures or Rerun recordings.

    Of a future that is not complete, the committed frames are exported. The exit code is 3 if frames are left out
    because commit records are damaged or missing.
    """
    from drivesim.archive import open_archive

    if boxes and format not in (ExportFormat.mp4, ExportFormat.png):
        raise InputError(f"--boxes: draws on mp4 and png; {format.value} has boxes of its own")
    require_archive(archive)
    opened = open_archive(archive)
    if future is not None and future >= len(opened.rollouts):
        raise InputError(f"{archive}: --future {future} does not exist; the last future is {len(opened.rollouts) - 1}")
    rollouts = opened.rollouts if future is None else opened.rollouts[future : future + 1]
    if not any(rollout.num_committed_frames for rollout in rollouts):
        for rollout in rollouts:
            rollout.require_sound()
        raise InputError(f"{archive}: no frames are committed yet, so there is nothing to export")
    written: list[Path] = []
    for rollout in rollouts:
        if not rollout.complete:
            committed = f"{rollout.num_committed_frames} of {opened.layout.num_frames}"
            say(f"{archive}: future {rollout.future} is not complete: {committed} frames", err=True)
        if not rollout.num_committed_frames:
            continue
        target, frames = out / f"future_{rollout.future:02d}", _with_progress(rollout)
        if boxes:
            frames = _with_boxes(opened, frames, checkpoints)
        for path in _exported(opened, rollout, frames, format, target, crf, checkpoints):
            written.append(path)
            if not as_json:
                say(str(path))
    if as_json:
        print_json({"archive": str(archive), "written": [str(path) for path in written]})
    for rollout in rollouts:
        rollout.require_sound()


def _with_boxes(archive: Archive, frames: Iterable[np.ndarray], checkpoints: Path | None) -> Iterator[np.ndarray]:
    from drivesim.rollout.archived import archived_scenario
    from drivesim.rollout.frame_boxes import with_boxes

    found = with_boxes(frames, archived_scenario(archive), archive.layout.fps, _detector(checkpoints))
    return (frame.drawn() for frame in found)


def _exported(
    archive: Archive,
    rollout: Rollout,
    frames: Iterator[np.ndarray],
    format: ExportFormat,
    target: Path,
    crf: int,
    checkpoints: Path | None,
) -> Iterator[Path]:
    """Writes the frames of one future and yields each file or folder; `target` is its path without an ending."""
    from drivesim.archive.export import write_mp4, write_pngs

    if format is ExportFormat.mp4:
        video = target.with_suffix(".mp4")
        write_mp4(frames, archive.layout.fps, video, crf)
        yield video
    elif format is ExportFormat.rerun:
        from drivesim.evaluation.samples.rerun_recording import write_rerun
        from drivesim.models.vehicle_detector import detect_vehicles

        recording, detector = target.with_suffix(".rrd"), _detector(checkpoints)
        write_rerun(archive, rollout, lambda pixels: detect_vehicles(detector, pixels), recording, frames)
        yield recording
    else:
        write_pngs(frames, target)
        yield target
        if format is ExportFormat.coco:
            yield from _write_labels(archive, rollout, target, _detector(checkpoints))


def _detector(checkpoints: Path | None) -> VehicleDetector:
    from drivesim.assets import default_checkpoints
    from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet

    detector: VehicleDetector = CheckpointSet.open(checkpoints or default_checkpoints()).load(VEHICLE_DETECTOR)  # type: ignore[assignment]  # the stage decides the class
    return detector


def _write_labels(archive: Archive, rollout: Rollout, pictures: Path, detector: VehicleDetector) -> Iterator[Path]:
    from drivesim.archive.export import write_text
    from drivesim.evaluation.samples.frame_labels import detected_labels, requested_labels

    documents = {
        "requested": requested_labels(archive, rollout, pictures.name),
        "detected": detected_labels(archive, rollout, detector, pictures.name),
    }
    for whose, document in documents.items():
        path = pictures.with_name(f"{pictures.name}_{whose}.json")
        write_text(json.dumps(document, indent=1) + "\n", path)
        yield path


def _with_progress(rollout: Rollout) -> Iterator[np.ndarray]:
    from rich.progress import track

    yield from track(
        rollout.frames,
        f"future {rollout.future}",
        console=console(),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
