"""Reads an XML file that may come from anywhere: no document types, so no entities; limits hold while it is read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from drivesim.errors import InputError
from drivesim.scenario.sweeps.expressions import Expression, ExpressionError

MAX_BYTES = 4 << 20
MAX_DEPTH = 64
MAX_ELEMENTS = 50_000
MAX_ATTRIBUTE = 4000

_PARAMETER = re.compile(r"\$(?:\{\s*)?([A-Za-z_]\w*)(?:\s*\})?")
_NAME = re.compile(r"\$?\b([A-Za-z_]\w*)")


@dataclass
class XmlTree:
    """The elements of a file, and the line of each."""

    file: str
    root: ET.Element = field(default_factory=lambda: ET.Element("none"))
    lines: dict[ET.Element, int] = field(default_factory=dict)

    def line_of(self, element: ET.Element) -> int:
        """Line of an element of this tree."""
        return self.lines[element]


def read_xml(content: bytes, file: str) -> XmlTree:
    """The tree of a file; InputError, in one line with its place, for all that is no XML, too large, or not safe."""
    if len(content) > MAX_BYTES:
        raise InputError(f"{file}: larger than {MAX_BYTES >> 20} MiB")
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
        if len(tree.lines) >= MAX_ELEMENTS:
            refuse(f"more than {MAX_ELEMENTS} elements")
        if any(len(value) > MAX_ATTRIBUTE for value in attributes.values()):
            refuse(f"an attribute of more than {MAX_ATTRIBUTE} characters")
        tree.lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartElementHandler, parser.EndElementHandler = start, end
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


def fill_in_parameters(root: ET.Element) -> None:
    """Puts the values of parameters where attributes name them: `$speed` and `${$speed / 3.6}`.

    What names an unknown parameter, or cannot be computed, stays as it is.
    """
    values = {
        declared.attrib["name"].lstrip("$"): declared.attrib["value"]
        for declared in root.iter("ParameterDeclaration")
        if {"name", "value"} <= set(declared.attrib)
    }
    for element in root.iter():
        for key, text in element.attrib.items():
            if text.startswith("$"):
                element.attrib[key] = _value(text, values)


def _value(text: str, values: dict[str, str]) -> str:
    if named := _PARAMETER.fullmatch(text):
        return values.get(named[1], text)
    if not (text.startswith("${") and text.endswith("}")):
        return text
    formula = _NAME.sub(lambda found: values.get(found[1], found[0]), text[2:-1])
    try:
        return str(Expression.parse(formula).value({}))
    except ExpressionError:
        return text
