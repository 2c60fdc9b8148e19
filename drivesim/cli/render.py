"""`drivesim render ARCHIVE --out DIR`: the frames of an archive from its latents alone, or a quick look at them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.check import require_archive
from drivesim.cli.lines import print_json, say
from drivesim.cli.options import (
    CheckpointsOption,
    CrfOption,
    JsonOption,
    Precision,
    WorkersOption,
    default_workers,
)
from drivesim.cli.rollout import ShownProgress, run_and_tell, shown_progress
from drivesim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from drivesim.rollout.job import RolloutJob


def render(
    archive: Annotated[Path, typer.Argument(help="Complete archive, such as one made with --frames none.")],
    out: Annotated[Path, typer.Option(help="Folder for the new archive, its videos and its pictures.")],
    checkpoints: CheckpointsOption = None,
    workers: WorkersOption = None,
    crf: CrfOption = 20,
    precision: Annotated[
        Precision | None, typer.Option(help="Number format of the networks.", show_default="as the archive was made")
    ] = None,
    low: Annotated[
        bool,
        typer.Option("--low", help="Write only videos before the upsampler; the archive need not be complete."),
    ] = False,
    keyframes: Annotated[
        bool, typer.Option("--keyframes", help="Write only videos of the keyframes, before the upsampler: quickest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the frames of an archive from its latents.

    On the same kind of device, they are the same bits as those of a rollout with frames. With another --precision than
    the archive's, the bits differ, and so does the identity of the new archive.

    With --low or --keyframes, there is no new archive, only a small video of each future in the folder OUT/NAME.

    Running the same command again continues where the last run stopped.
    """
    from dataclasses import replace

    from drivesim.assets import default_checkpoints
    from drivesim.rollout.archived import archived_job, render_job

    require_archive(archive)
    models, number_format = checkpoints or default_checkpoints(), precision and precision.value
    if low or keyframes:
        _show(archived_job(archive, out, models, crf, number_format), between=not keyframes, as_json=as_json)
        return
    job = render_job(archive, out, models, crf, precision=number_format)
    command = shlex.join(["drivesim", "render", str(archive), "--out", str(out), "--checkpoints", str(job.checkpoints)])
    run_and_tell(replace(job, workers=workers or default_workers(job.device, job.threads)), as_json, command)


def _show(job: RolloutJob, between: bool, as_json: bool) -> None:
    """Writes the videos before the upsampler that are missing or show less than is committed."""
    from drivesim.archive.export import write_mp4
    from drivesim.rollout.low_resolution import LowResolution

    shown = LowResolution.open(job, between)
    committed = [future for future in job.made_futures if shown.num_windows(future)]
    if not committed:
        raise InputError(f"{job.latents}: no window is committed yet, so there is nothing to show")
    missing = [future for future in committed if not shown.is_made(future)]
    with shown_progress(missing) as told:
        told.begin(max(map(shown.num_windows, committed)), dict.fromkeys(missing, 0))
        for future in missing:
            write_mp4(_told(shown.windows(future), future, told), shown.fps, shown.video(future), job.crf)
    videos = [str(shown.video(future)) for future in committed]
    if as_json:
        print_json({"archive": str(job.latents), "written": videos})
    else:
        for video in videos:
            say(video)


def _told(windows: Iterator[np.ndarray], future: int, told: ShownProgress) -> Iterator[np.ndarray]:
    """Yields the frames of windows one by one, and shows how many windows are done."""
    for number, frames in enumerate(windows):
        yield from frames
        told.advance(future, number, "decode", 1.0)
        told.finish(future, number)
