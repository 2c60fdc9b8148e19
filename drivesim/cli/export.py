"""`drivesim export ARCHIVE --format mp4|png|coco --out DIR`: videos, pictures, or labelled pictures.

With coco, `future_00_requested.json` says what the scenario asks for and `future_00_detected.json` what the vehicle
detector finds; both name the pictures in `future_00/`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.options import CheckpointsOption
from drivesim.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from drivesim.archive import Archive
    from drivesim.archive.reader import Rollout


class ExportFormat(StrEnum):
    mp4 = "mp4"
    png = "png"
    coco = "coco"


def export(
    archive: Annotated[Path, typer.Argument(help="Archive, such as out/cut_in_night.zarr.")],
    format: Annotated[ExportFormat, typer.Option(help="Video, pictures, or pictures with labels.")],
    out: Annotated[Path, typer.Option(help="Folder for future_00.mp4, or future_00/000000.png, and so on.")],
    future: Annotated[int | None, typer.Option(min=0, help="Only this future; all by default.")] = None,
    crf: Annotated[
        int, typer.Option(min=0, max=51, help="Quality of mp4: 0 is the largest file, 51 the smallest.")
    ] = 18,
    checkpoints: CheckpointsOption = None,
) -> None:
    """Take the frames of an archive out as video or pictures, with the vehicles in them where `coco` is asked for."""
    from drivesim.archive import open_archive
    from drivesim.archive.export import write_mp4, write_pngs

    opened = open_archive(archive)
    if future is not None and future >= len(opened.rollouts):
        raise InputError(f"{archive}: --future {future} does not exist, the last one is {len(opened.rollouts) - 1}")
    rollouts = opened.rollouts if future is None else opened.rollouts[future : future + 1]
    if not any(rollout.num_committed_frames for rollout in rollouts):
        raise InputError(f"{archive}: no frames are committed yet, so there is nothing to export")
    for rollout in rollouts:
        if not rollout.complete:
            committed = f"{rollout.num_committed_frames} of {opened.layout.num_frames}"
            typer.echo(f"{archive}: future {rollout.future} is not complete, {committed} frames", err=True)
        if not rollout.num_committed_frames:
            continue
        name = f"future_{rollout.future:02d}"
        if format is ExportFormat.mp4:
            target = out / f"{name}.mp4"
            write_mp4(_with_progress(rollout), opened.layout.fps, target, crf)
        else:
            target = out / name
            write_pngs(_with_progress(rollout), target)
        typer.echo(str(target))
        if format is ExportFormat.coco:
            for path in _write_labels(opened, rollout, target, checkpoints):
                typer.echo(str(path))


def _write_labels(archive: Archive, rollout: Rollout, pictures: Path, checkpoints: Path | None) -> Iterator[Path]:
    from drivesim.archive.export import write_text
    from drivesim.assets import default_checkpoints
    from drivesim.evaluation.samples.frame_labels import detected_labels, requested_labels
    from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet

    detector = CheckpointSet.open(checkpoints or default_checkpoints()).load(VEHICLE_DETECTOR)
    documents = {
        "requested": requested_labels(archive, rollout, pictures.name),
        "detected": detected_labels(archive, rollout, detector, pictures.name),
    }
    for whose, document in documents.items():
        path = pictures.with_name(f"{pictures.name}_{whose}.json")
        write_text(json.dumps(document, indent=1) + "\n", path)
        yield path


def _with_progress(rollout: Rollout) -> Iterator[np.ndarray]:
    from rich.console import Console
    from rich.progress import track

    yield from track(
        rollout.frames,
        f"future {rollout.future}",
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
