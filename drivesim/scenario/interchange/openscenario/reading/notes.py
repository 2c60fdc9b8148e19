"""What an import leaves out, changes or does not know, and why."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from drivesim.scenario.interchange.openscenario.reading.xml_tree import XmlTree
from drivesim.scenario.text.problems import clipped


class UnmappableError(ValueError):
    """Something that a scenario has no words for; the message says why."""


@dataclass(frozen=True, order=True)
class Note:
    """One part of a file, at its line, that is not in the scenario exactly as it was.

    Attributes:
        kind: `dropped` and `changed` are losses that leave the meaning; of what is `unknown` the meaning depends.
    """

    file: str
    line: int
    kind: Literal["dropped", "changed", "unknown"]
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
        self._add(element, "dropped", what, why)

    def changed(self, element: ET.Element, what: str, why: str) -> None:
        """Notes that a part stands in the scenario, but not exactly as it was."""
        self._add(element, "changed", what, why)

    def unknown(self, element: ET.Element, what: str, why: str) -> None:
        """Notes that a part on which the meaning of the file depends cannot be executed."""
        self._add(element, "unknown", what, why)

    @contextmanager
    def dropping(self, element: ET.Element, what: str) -> Iterator[None]:
        """Drops the part where the block raises UnmappableError."""
        try:
            yield
        except UnmappableError as error:
            self.dropped(element, what, str(error))

    @contextmanager
    def knowing(self, element: ET.Element, what: str) -> Iterator[None]:
        """Notes the part as unknown where the block raises UnmappableError."""
        try:
            yield
        except UnmappableError as error:
            self.unknown(element, what, str(error))

    def _add(self, element: ET.Element, kind: Literal["dropped", "changed", "unknown"], what: str, why: str) -> None:
        file, line = self.tree.place_of(element)
        note = Note(file, line, kind, clipped(what), " ".join(why.split()))
        if note not in self.found:
            self.found.append(note)
