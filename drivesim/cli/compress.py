"""`drivesim compress CHECKPOINTS --out DIR`: a checkpoint set with int8 weights, about half the size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.lines import say


def compress(
    checkpoints: Annotated[Path, typer.Argument(help="Folder of trained models.")],
    out: Annotated[Path, typer.Option(help="New folder for the smaller models.")],
    stage: Annotated[
        list[str] | None,
        typer.Option(help="Store only this stage as int8. Can be repeated.", show_default="every stage"),
    ] = None,
) -> None:
    """Store the weights of trained models as eight-bit integers with a scale per output channel.

    Networks compute as before, from weights that differ by at most half a quantisation step. Compare the figures of
    both sets with `drivesim evaluate` before you use the smaller one: it is another set, and makes other archives.
    """
    from drivesim.models.checkpoints import CheckpointSet
    from drivesim.models.checkpoints.conversion import with_int8

    source = CheckpointSet.open(checkpoints)
    made = with_int8(source, out, stage or None)
    for role in made.roles:
        before, after = (models.path(role).stat().st_size / 2**20 for models in (source, made))
        say(f"{made.path(role)}: {before:.2f} MiB, now {after:.2f} MiB")
