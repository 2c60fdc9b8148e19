"""Entries of the catalogues that a file names: vehicles, manoeuvres, trajectories and others."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.reading.parameters import Values, fill_in
from drivesim.scenario.interchange.openscenario.reading.xml_tree import MAX_BYTES, XmlTree, read_xml

MAX_FILES = 200


@dataclass
class Catalogues:
    """The catalogues in the folders that a file names.

    Attributes:
        folder: Folder that paths are relative to; None if the file has no location.
        values: Parameters of the whole file.
    """

    tree: XmlTree
    folder: Path | None
    values: Values = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def entry(self, reference: ET.Element) -> ET.Element | None:
        """Returns a copy of the entry that a CatalogReference names, with its parameters filled in, or None.

        Assignments in the reference override declarations in the entry.
        """
        found = self._entries.get((reference.get("catalogName", ""), reference.get("entryName", "")))
        if found is None:
            return None
        source, element = found
        copy = self.tree.take_in(element, source)
        assigned = {
            entry.get("parameterRef", "").lstrip("$"): entry.get("value", "")
            for entry in reference.iterfind("ParameterAssignments/ParameterAssignment")
        }
        for declaration in copy.iterfind("ParameterDeclarations/ParameterDeclaration"):
            name = declaration.get("name", "").lstrip("$")
            if name in assigned:
                declaration.attrib["value"] = assigned.pop(name)
        fill_in(copy, {**self.values, **assigned})
        return copy

    def resolved(self, reference: ET.Element) -> ET.Element:
        """Returns the same as `entry`.

        Raises:
            UnmappableError: The entry is not found.
        """
        found = self.entry(reference)
        if found is None:
            name = f"{reference.get('catalogName', '')}/{reference.get('entryName', '')}"
            raise UnmappableError(f"the catalogue entry {name} was not found beside the file")
        return found

    @cached_property
    def _entries(self) -> dict[tuple[str, str], tuple[XmlTree, ET.Element]]:
        entries: dict[tuple[str, str], tuple[XmlTree, ET.Element]] = {}
        for path in self._files():
            try:
                with path.open("rb") as file:
                    source = read_xml(file.read(MAX_BYTES + 1), str(path))
            except (OSError, InputError) as error:
                self.unreadable.append(str(error))
                continue
            for catalogue in source.root.iterfind("Catalog"):
                for element in catalogue:
                    entries.setdefault((catalogue.get("name", ""), element.get("name", "")), (source, element))
        return entries

    def _files(self) -> list[Path]:
        if self.folder is None:
            return []
        paths: list[Path] = []
        for directory in self.tree.root.iterfind("CatalogLocations/*/Directory"):
            try:
                place = self.folder / directory.get("path", "").replace("\\", "/")
                found = [place] if place.is_file() else sorted(place.glob("*.xosc")) if place.is_dir() else []
                paths += [path for path in found if path.is_file() and path not in paths]
            except (OSError, ValueError):
                continue
        return paths[:MAX_FILES]
