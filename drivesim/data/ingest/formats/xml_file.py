"""Reading of untrusted XML files: entities are refused, and size and depth are limited."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET
from xml.parsers import expat

from drivesim.data.ingest.media.files import read_regular
from drivesim.errors import FootageError

MAX_BYTES = 512 << 20
_MAX_DEPTH = 64


class _Refused(Exception):
    """The content of the file is refused."""


def read_xml_file(path: Path) -> ET.Element:
    """Returns the root of an XML file.

    Raises:
        FootageError: The file is broken or nested too deeply, or its document type declares something.
    """
    content = read_regular(path, MAX_BYTES)
    builder, parser, depth = ET.TreeBuilder(), expat.ParserCreate(), 0
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise _Refused(f"nested deeper than {_MAX_DEPTH} levels")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def doctype(_name: str, _system: str | None, _public: str | None, has_subset: bool) -> None:
        # Boost, which writes KITTI's tracklets, declares an empty document type.
        if has_subset:
            raise _Refused("its document type declares entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, doctype
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, _Refused, ValueError, AssertionError) as error:
        raise FootageError(f"{path}: no XML as expected: {error}") from None


def child_number(element: ET.Element, name: str, path: Path) -> float:
    """Returns the number in a child of an element; raises FootageError if there is none."""
    try:
        return float(element.findtext(name, ""))
    except ValueError:
        raise FootageError(f"{path}: expected a number in {name}, got {element.findtext(name)!r}") from None


def attribute_number(element: ET.Element, name: str, path: Path) -> float:
    """Returns the number in an attribute of an element; raises FootageError if there is none."""
    try:
        return float(element.get(name, ""))
    except ValueError:
        raise FootageError(f"{path}: <{element.tag}>: expected a number in {name}, got {element.get(name)!r}") from None
