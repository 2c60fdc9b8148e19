"""Notes on what an import leaves out, changes or does not know, with the reasons."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from drivesim.scenario.interchange.openscenario.reading.xml_tree import XmlTree
from drivesim.scenario.text.problems import clipped


class UnmappableError(ValueError):
    """A part of a file that a scenario cannot express; the message is the reason."""


_INSTEAD = {
    "RoutePosition": "routes are not read, so give a LanePosition, RoadPosition or WorldPosition",
    "GeoPosition": "give a WorldPosition",
    "TrafficAction": "it draws vehicles at random, so place each vehicle as an entity of its own",
    "TrafficSignalCondition": "a scenario has no traffic signals, so wait for a time or a position",
    "TrafficSignalControllerCondition": "a scenario has no traffic signals, so wait for a time or a position",
    "TimeOfDayCondition": "the clock does not run, so wait for a SimulationTimeCondition",
    "UserDefinedValueCondition": "it is meant for another tool, so wait for a time or a position",
    "AngleCondition": "wait for a ReachPositionCondition or a time",
    "RelativeAngleCondition": "wait for a ReachPositionCondition or a time",
}


def unsupported(tag: str) -> UnmappableError:
    """Returns the error for an element that is not executed, with what a file can say instead."""
    instead = _INSTEAD.get(tag)
    return UnmappableError(f"{tag} is not supported" + (f"; {instead}" if instead else ""))


@dataclass(frozen=True, order=True)
class Note:
    """One part of a file, with its line, that the scenario does not contain exactly.

    Attributes:
        kind: `dropped` and `changed` for losses that keep the meaning; `unknown` for a part on which the meaning
            depends.
    """

    file: str
    line: int
    kind: Literal["dropped", "changed", "unknown"]
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}: {self.why}"


Changed = Callable[[str, str], None]
"""A function that notes what the scenario contains in a changed form, and how."""


@dataclass
class Notes:
    """The notes of one import in the order in which they were made."""

    tree: XmlTree
    found: list[Note] = field(default_factory=list)

    def dropped(self, element: ET.Element, what: str, why: str) -> None:
        """Notes that the scenario cannot contain a part."""
        self._add(element, "dropped", what, why)

    def changed(self, element: ET.Element, what: str, why: str) -> None:
        """Notes that the scenario contains a part in a changed form."""
        self._add(element, "changed", what, why)

    def unknown(self, element: ET.Element, what: str, why: str) -> None:
        """Notes that a part on which the meaning of the file depends cannot be executed."""
        self._add(element, "unknown", what, why)

    @contextmanager
    def dropping(self, element: ET.Element, what: str) -> Iterator[None]:
        """Notes the part as dropped if the block raises UnmappableError."""
        try:
            yield
        except UnmappableError as error:
            self.dropped(element, what, str(error))

    @contextmanager
    def knowing(self, element: ET.Element, what: str) -> Iterator[None]:
        """Notes the part as unknown if the block raises UnmappableError."""
        try:
            yield
        except UnmappableError as error:
            self.unknown(element, what, str(error))

    def _add(self, element: ET.Element, kind: Literal["dropped", "changed", "unknown"], what: str, why: str) -> None:
        file, line = self.tree.place_of(element)
        note = Note(file, line, kind, clipped(what), " ".join(why.split()))
        if note not in self.found:
            self.found.append(note)
