"""What an import leaves out or changes, and why."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from drivesim.scenario.interchange.openscenario.xml_tree import XmlTree
from drivesim.scenario.text.problems import clipped


class UnmappableError(ValueError):
    """Something that a scenario has no words for; the message says why."""


@dataclass(frozen=True, order=True)
class Note:
    """One part of a file, at its line, that was dropped, or is not exactly as it was."""

    line: int
    kind: Literal["dropped", "changed"]
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}: {self.why}"


@dataclass
class Notes:
    """The notes of one import, as they come."""

    tree: XmlTree
    found: list[Note] = field(default_factory=list)

    def dropped(self, element: ET.Element, what: str, why: str) -> None:
        """Notes that a part has no place in the scenario."""
        self.found.append(Note(self.tree.line_of(element), "dropped", clipped(what), " ".join(why.split())))

    def changed(self, element: ET.Element, what: str, why: str) -> None:
        """Notes that a part stands in the scenario, but not exactly as it was."""
        self.found.append(Note(self.tree.line_of(element), "changed", clipped(what), " ".join(why.split())))

    @contextmanager
    def dropping(self, element: ET.Element, what: str) -> Iterator[None]:
        """Drops the part where the block raises UnmappableError."""
        try:
            yield
        except UnmappableError as error:
            self.dropped(element, what, str(error))


def parsed(parse: Callable[[ET.Element], Any], element: ET.Element | None) -> Any:
    """What a parser of the library makes of an element; UnmappableError where it refuses, or there is none."""
    if element is None:
        raise UnmappableError("a part of it is missing")
    try:
        return parse(element)
    except KeyError as error:
        raise UnmappableError(f"the attribute {clipped(str(error))} is missing") from error
    except Exception as error:  # the library documents no errors; whatever it raises, it could not read the element
        raise UnmappableError(f"cannot be read: {clipped(str(error)) or type(error).__name__}") from error


def number(value: Any) -> float:
    """A finite number that the library read; UnmappableError for a parameter without a value, and the like."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise UnmappableError(f"expected a number, got {clipped(str(value))}") from None
    if not abs(result) < 1e9:
        raise UnmappableError(f"expected a number of usual size, got {clipped(str(value))}")
    return result
