"""`drivesim render ARCHIVE --out DIR`: the frames of an archive again, from its latents alone."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.check import require_archive
from drivesim.cli.options import (
    CheckpointsOption,
    CrfOption,
    JsonOption,
    Precision,
    WorkersOption,
    default_workers,
)
from drivesim.cli.rollout import run_and_tell


def render(
    archive: Annotated[Path, typer.Argument(help="Complete archive, such as one made with --frames none.")],
    out: Annotated[Path, typer.Option(help="Folder for the new archive, its videos and its pictures.")],
    checkpoints: CheckpointsOption = None,
    workers: WorkersOption = None,
    crf: CrfOption = 20,
    precision: Annotated[
        Precision | None, typer.Option(help="Number format of the networks.", show_default="as the archive was made")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the frames of an archive from its latents.

    On the same kind of device, they are the same bits as those of a rollout with frames. With another --precision than
    the archive's, the bits differ, and so does the identity of the new archive.

    Running the same command again continues where the last run stopped.
    """
    from dataclasses import replace

    from drivesim.assets import default_checkpoints
    from drivesim.rollout.archived import render_job

    require_archive(archive)
    job = render_job(archive, out, checkpoints or default_checkpoints(), crf, precision=precision and precision.value)
    command = shlex.join(["drivesim", "render", str(archive), "--out", str(out), "--checkpoints", str(job.checkpoints)])
    run_and_tell(replace(job, workers=workers or default_workers(job.device, job.threads)), as_json, command)
