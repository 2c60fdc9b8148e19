"""What verbs write for people: whole lines, in which text from files and file names is shown as it is, and escaped."""

from __future__ import annotations

import json
import logging
import math
from typing import TYPE_CHECKING

import typer

from drivesim.escapes import escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TextColumn


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record))


def log_in_lines() -> None:
    """Writes warnings of the library on stderr, one line for each; without it Python would write them as they are."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.basicConfig(handlers=[handler])


def say(line: object, err: bool = False) -> None:
    """Writes one line on stdout, or on stderr, in which nothing but printable characters remains."""
    typer.echo(escaped(line), err=err)


def print_json(document: object, indent: int | None = None) -> None:
    """Prints one JSON document; numbers that JSON does not have, such as infinity, become null."""
    typer.echo(json.dumps(_finite(document), indent=indent, allow_nan=False))


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def console(err: bool = True, width: int | None = None) -> Console:
    """Returns a console for tables and bars that takes square brackets in a text for what they are."""
    from rich.console import Console

    return Console(stderr=err, width=width, markup=False, emoji=False, highlight=False)


def description(layout: str = "{task.description}") -> TextColumn:
    """Returns the column of a progress bar that says what is done, in which square brackets are no markup either."""
    from rich.progress import TextColumn

    return TextColumn(layout, markup=False)
