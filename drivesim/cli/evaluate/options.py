"""Options that the verbs of `drivesim evaluate` share.

typer reads options from the signature of each verb, so every verb lists its own; names, limits and help stand here.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.options import Preset
from drivesim.errors import InputError

CONDITIONS = ("boxes", "box_headings", "box_colours", "road", "time_of_day", "crowdedness")


class Split(StrEnum):
    held_out = "held_out"
    all = "all"


Data = Annotated[str, typer.Option(help="Folder with drive logs, at any depth; or its URL (s3://...).")]
Out = Annotated[Path | None, typer.Option(help="JSON file to which the report is written.")]
Samples = Annotated[int, typer.Option(min=2, max=10**6, help="Maximum number of frames; the footage may have fewer.")]
Seed = Annotated[
    int, typer.Option(min=0, max=2**62, help="Seed of the first sample; each further sample has the next seed.")
]
FootageSeed = Annotated[int, typer.Option(min=0, max=2**62, help="Seed with which frames are chosen from the footage.")]
HeldOut = Annotated[
    list[str] | None,
    typer.Option(help="Name of a recording that was kept out of training; may be repeated.", show_default="by name"),
]
SplitOption = Annotated[Split, typer.Option(help="held_out: logs that are not trained on. all: all logs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON instead of a table.")]
Conditions = Annotated[
    str,
    typer.Option(
        "--conditions",
        "--told",
        help=f"Conditions of the models, separated by commas: some of {','.join(CONDITIONS)}.",
    ),
]
Low = Annotated[bool, typer.Option("--low/--full", help="Whether frames are measured before or after the upsampler.")]
PresetOption = Annotated[Preset, typer.Option(help="fast, or quality with more sampling steps.")]
Guidance = Annotated[float | None, typer.Option(min=0, max=20, help="Guidance weight.", show_default="the preset's")]
Steps = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Number of sampling steps.", show_default="the preset's")
]
BatchSize = Annotated[int, typer.Option(min=1, max=4096, help="Number of frames that are composed at a time.")]


def conditions_named(text: str) -> tuple[str, ...]:
    """Returns the conditions that `--conditions` names, in their usual order.

    Raises:
        InputError: A word is not a condition.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in CONDITIONS]
    if unknown:
        raise InputError(f"--conditions: {', '.join(unknown)} is not a condition; use some of {', '.join(CONDITIONS)}")
    return tuple(name for name in CONDITIONS if name in names)
