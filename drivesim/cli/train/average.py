"""`drivesim train average`: exports an average of another length of a stage's weights."""

from __future__ import annotations

from typing import Annotated

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import JsonOption
from drivesim.cli.train.options import Out
from drivesim.errors import InputError
from drivesim.models.stages import STAGES, current_name


def average(
    stage: Annotated[
        str, typer.Argument(help="Stage whose checkpoint is replaced: image, prediction or interpolation.")
    ],
    out: Out,
    length: Annotated[
        float,
        typer.Option(
            min=0.01, max=0.3, help="Standard deviation of the average's profile, as a fraction of the training."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Export an average of another length of a trained stage's weights.

    The average is computed from the snapshots that the training left, so no footage is needed. Training itself exports
    the average with the lowest held-out loss; with this command you choose by other figures, such as those of
    `evaluate frames`.
    Stages that build on the checkpoint must be trained again.
    """
    role = current_name(stage)
    if role not in STAGES:
        raise InputError(f"unknown stage {stage!r}: expected image, prediction or interpolation")
    from drivesim.training.loop.session import export_average

    published = export_average(out, role, length)
    if as_json:
        print_json({"stage": role, "length": length, "sha256": published.sha256[role]})
    else:
        say(f"{published.path(role)}: average over {length:g} of the training")
