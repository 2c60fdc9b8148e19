"""One thing that is wrong in a scenario file, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from drivesim.errors import ScenarioError
from drivesim.escapes import escaped

MAX_SHOWN = 10

_EXCERPT_WIDTH = 100
_OFFENDING = re.compile(
    r""" "[^"]*"? | '[^']*'? | \[[^\]]*\]? | \{[^}]*\}? | (?: [^\s,\]}:] | :(?!\s|$) | [ ](?!\#|[ ]|$) )+ """,
    re.VERBOSE,
)
"""The text to underline from a place on: a quoted text, a list or mapping in brackets, or plain text to its end."""

FieldPath = tuple[str | int, ...]
"""The path of a value in a document: keys and list positions from the root."""


class Place(NamedTuple):
    """A place in a text file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, order=True)
class Problem:
    """`str(problem)` is `file:line:col: message`; `excerpt` shows the line with the offending text underlined."""

    file: str
    place: Place
    message: str
    excerpt: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.place.line}:{self.place.column}: {self.message}"

    def explained(self) -> str:
        """Returns `file:line:col: message`, and below it the excerpt if there is one."""
        return f"{escaped(self)}\n{self.excerpt}" if self.excerpt else escaped(self)


def scenario_error(problems: Iterable[Problem]) -> ScenarioError:
    """Returns the error for these problems, each once, in the order of the file.

    It holds at most `MAX_SHOWN` of them and the number of the others.
    """
    found = sorted(set(problems))
    return ScenarioError(*found[:MAX_SHOWN], num_more=max(0, len(found) - MAX_SHOWN))


def close_match(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that `word` was probably meant to be, if there is one."""
    return next(iter(get_close_matches(word[:64], list(known), n=1)), None)


def shown(value: Any) -> str:
    """Returns a value of a scenario as YAML writes it, short enough for one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{_cut(escaped(value[:99]))}'" if isinstance(value, str) else clipped(str(value))


def clipped(text: str) -> str:
    """Returns the text without line breaks, shortened so that it does not fill the line."""
    return _cut(" ".join(text.split()))


def _cut(text: str) -> str:
    return text if len(text) <= 48 else f"{text[:45]}..."


def excerpt(text: str, place: Place) -> str:
    """Returns the line of `text` at a place with the offending part underlined, or "" if there is no such line."""
    lines = text.split("\n", place.line)
    if len(lines) < place.line:
        return ""
    whole, column = lines[place.line - 1], place.column - 1
    first = max(0, column - _EXCERPT_WIDTH // 2)
    line = "".join(letter if letter.isprintable() else " " for letter in whole[first : first + _EXCERPT_WIDTH]).rstrip()
    if not line:
        return ""
    found = _OFFENDING.match(line, column - first)
    width = max(1, found.end() - found.start()) if found else 1
    margin = " " * len(str(place.line))
    return f"  {place.line} | {line}\n  {margin} | {' ' * (column - first)}{'^' * width}"
