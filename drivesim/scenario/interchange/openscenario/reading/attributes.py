"""Reads attributes of elements; error messages name the element."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.text.problems import clipped

_LARGEST = 1e9


def text(element: ET.Element, name: str, default: str | None = None) -> str:
    """Returns an attribute.

    Raises:
        UnmappableError: The attribute is missing and has no default.
    """
    value = element.get(name, default)
    if value is None:
        raise UnmappableError(f"the attribute `{name}` of {element.tag} is missing")
    return value


def number(element: ET.Element, name: str, default: float | None = None) -> float:
    """Returns an attribute that is a finite number of plausible magnitude.

    Raises:
        UnmappableError: The value is anything else, for instance a parameter without a value.
    """
    value = element.get(name)
    if value is None and default is not None:
        return default
    given = text(element, name)
    try:
        result = float(given)
    except ValueError:
        raise UnmappableError(f"{element.tag}: expected a number for `{name}`, got {clipped(given)}") from None
    if not abs(result) < _LARGEST:
        raise UnmappableError(f"{element.tag}: expected a plausible number for `{name}`, got {clipped(given)}")
    return result


def whole(element: ET.Element, name: str, default: int | None = None) -> int:
    """Returns an attribute that is an integer.

    Raises:
        UnmappableError: The value is anything else.
    """
    result = number(element, name, default)
    if result != math.floor(result):
        raise UnmappableError(f"{element.tag}: expected a whole number for `{name}`, got {result:g}")
    return int(result)


def flag(element: ET.Element, name: str, default: bool = False) -> bool:
    """Returns a boolean attribute; `true` and `1` are true."""
    value = element.get(name)
    return default if value is None else value.strip().lower() in ("true", "1")


def choice(element: ET.Element, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
    """Returns an attribute that is one of the known words.

    Raises:
        UnmappableError: The value is anything else.
    """
    value = text(element, name, default)
    if value not in choices:
        raise UnmappableError(f"{element.tag}: expected `{name}` to be {', '.join(choices)}, got {clipped(value)}")
    return value


def child(element: ET.Element, path: str) -> ET.Element:
    """Returns a descendant element.

    Raises:
        UnmappableError: There is none.
    """
    found = element.find(path)
    if found is None:
        raise UnmappableError(f"{element.tag} without a {path.rsplit('/', 1)[-1]}")
    return found


def child_or_empty(element: ET.Element, tag: str) -> ET.Element:
    """Returns a child element; if there is none, an element without attributes, which therefore have their defaults."""
    found = element.find(tag)
    return ET.Element(tag) if found is None else found


def only_child(element: ET.Element) -> ET.Element:
    """Returns the first child element.

    Raises:
        UnmappableError: There is none.
    """
    found = next(iter(element), None)
    if found is None:
        raise UnmappableError(f"an empty {element.tag}")
    return found
