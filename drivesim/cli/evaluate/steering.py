"""`drivesim evaluate steering`: vehicles and ego of finished archives against what their scenarios request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.evaluate.figures import deliver, progress
from drivesim.cli.evaluate.options import AsJson, Out, Split, SplitOption
from drivesim.cli.evaluate.setup import engine_of, local_footage
from drivesim.cli.lines import say
from drivesim.cli.options import CheckpointsOption, Device, DeviceOption
from drivesim.errors import InputError
from drivesim.models.stages import VEHICLE_DETECTOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drivesim.evaluation.protocol import Figure
    from drivesim.evaluation.samples.footage import OnProgress


def steering(
    archives: Annotated[
        list[Path], typer.Argument(help="Finished archives of scenarios with manoeuvres or with ego motion.")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Folder with drive logs or its URL, to measure what visual odometry itself gets wrong."),
    ] = None,
    most_logs: Annotated[int, typer.Option("--logs", min=1, max=10**6, help="Maximum number of drive logs.")] = 40,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    split: SplitOption = Split.held_out,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure whether steered vehicles and the ego move as requested, in each frame of finished archives.

    Vehicles are compared box by box. Speed and yaw rate of the ego are estimated from the video.
    """
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.steering import steered_archives, steering_figures, steering_subject

    folder = None if data is None else local_footage(data)
    with progress() as show:
        steered, others = steered_archives(archives)
        figures: list[Figure] = []
        for sentence in others:
            say(f"left out of the vehicles: {sentence}", err=True)
        if steered:
            engine = engine_of(checkpoints, device, VEHICLE_DETECTOR)
            figures += list(steering_figures(engine, steered, show))
        figures += list(_of_ego(archives, folder, most_logs, split, show))
    if not figures:
        raise InputError("no scenario of these archives says how an actor or the ego moves, so nothing was requested")
    deliver(Report("steering", steering_subject(archives), tuple(figures)), out, as_json)


def _of_ego(
    archives: list[Path], data: Path | None, most_logs: int, split: Split, show: OnProgress
) -> Iterator[Figure]:
    from drivesim.data.drive_log import find_drive_logs, split_of
    from drivesim.evaluation.ego_motion import (
        MADE,
        REAL,
        archived_tracks,
        ego_motion_figures,
        ego_motion_protocol,
        recorded_tracks,
    )

    logs = [] if data is None else find_drive_logs(data)
    chosen = [path for path in logs if split is Split.all or split_of(path.name) == split.value][:most_logs]
    tracks = archived_tracks(archives, show)
    if tracks:
        groups = {MADE: tracks, REAL: recorded_tracks(chosen, show)}
        yield from ego_motion_figures(groups, ego_motion_protocol(archives))
