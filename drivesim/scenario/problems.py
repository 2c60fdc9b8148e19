"""One thing that is wrong in a scenario file, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from drivesim.errors import ScenarioError

MAX_SHOWN = 10

# Where a value stands inside the document: keys and list positions from the root.
FieldPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A place in a text file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, order=True)
class Problem:
    """`str(problem)` is `file:line:col: message`."""

    file: str
    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.place.line}:{self.place.column}: {self.message}"


def scenario_error(problems: Iterable[Problem]) -> ScenarioError:
    """The error for these problems: in the order of the file, each once, at most `MAX_SHOWN` of them."""
    return ScenarioError(*sorted(set(problems))[:MAX_SHOWN])


def close_match(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, if there is one."""
    return next(iter(get_close_matches(word[:64], list(known), n=1)), None)


def shown(value: Any) -> str:
    """A value from a scenario in the words of YAML, short enough for one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{clipped(value)}'" if isinstance(value, str) else clipped(str(value))


def clipped(text: str) -> str:
    """The text without line breaks, cut where it would fill the line."""
    text = " ".join(text.split())
    return text if len(text) <= 48 else f"{text[:45]}..."
