"""Reads an XML file from an untrusted source: without document types or entities, and with limits while parsing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from drivesim.errors import InputError

MAX_BYTES = 4 << 20
MAX_DEPTH = 64
MAX_ELEMENTS = 50_000
MAX_ATTRIBUTE = 4000


@dataclass
class XmlTree:
    """The elements of a file with their lines. Elements of other files, such as catalogues, can be added."""

    file: str
    root: ET.Element = field(default_factory=lambda: ET.Element("none"))
    lines: dict[ET.Element, int] = field(default_factory=dict)
    others: dict[ET.Element, tuple[str, int]] = field(default_factory=dict)

    def place_of(self, element: ET.Element) -> tuple[str, int]:
        """Returns file and line of an element of this tree, or of one that was taken in."""
        return (self.file, self.lines[element]) if element in self.lines else self.others[element]

    def take_in(self, element: ET.Element, source: XmlTree) -> ET.Element:
        """Returns a copy of an element of another tree that may be changed and keeps its original file and line."""
        copy = ET.Element(element.tag, dict(element.attrib))
        copy.extend(self.take_in(part, source) for part in element)
        self.others[copy] = source.place_of(element)
        return copy


def read_xml(content: bytes, file: str, scale: int = 1) -> XmlTree:
    """Returns the tree of a file.

    Args:
        content: Content of the file.
        file: Name of the file in messages.
        scale: Factor on the limits of bytes and elements, which suit a scenario.

    Raises:
        InputError: The content is not XML, too large, or not safe; the message is one line with the position.
    """
    if len(content) > MAX_BYTES * scale:
        raise InputError(f"{file}: larger than {MAX_BYTES * scale >> 20} MiB")
    tree, builder, parser = XmlTree(file), ET.TreeBuilder(), expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def refuse(message: str, line: int | None = None, column: int | None = None) -> NoReturn:
        line = parser.CurrentLineNumber if line is None else line
        column = parser.CurrentColumnNumber if column is None else column
        raise InputError(f"{file}:{line}:{column + 1}: {message}")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            refuse(f"nested deeper than {MAX_DEPTH} levels")
        if len(tree.lines) >= MAX_ELEMENTS * scale:
            refuse(f"more than {MAX_ELEMENTS * scale} elements")
        if any(len(value) > MAX_ATTRIBUTE for value in attributes.values()):
            refuse(f"an attribute of more than {MAX_ATTRIBUTE} characters")
        tree.lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = lambda *_: refuse("a document type (<!DOCTYPE); remove it")
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        refuse(f"not valid XML: {expat.ErrorString(error.code)}", error.lineno, error.offset)
    except (LookupError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        refuse("an encoding that cannot be read; save the file as UTF-8")
    tree.root = builder.close()
    return tree
