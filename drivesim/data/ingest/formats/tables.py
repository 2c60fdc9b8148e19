"""Reading of JSON tables of data sets: large arrays one element at a time, single documents up to a size limit."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.data.drive_log_labels import Box
from drivesim.data.ingest.media.files import open_regular, read_regular
from drivesim.errors import FootageError

MAX_DOCUMENT_BYTES = 2 << 30
_MAX_ELEMENT_BYTES = 64 << 20
_READ_AT_ONCE = 1 << 20
_SPACE = " \t\r\n"
_BEYOND_MEASURE = 1e12
"""No length, angle or focal length is as large; larger numbers would overflow where they are multiplied."""


def json_document(path: Path, max_bytes: int = MAX_DOCUMENT_BYTES) -> Any:
    """Returns the content of a JSON file; raises FootageError if it is missing, broken or too large."""
    try:
        return json.loads(read_regular(path, max_bytes))
    except (ValueError, RecursionError) as error:
        raise _broken(path, error) from None


def json_array(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the objects of a JSON file that is one array of objects; little of it is in memory at a time.

    Raises:
        FootageError: The file is broken or is not an array of objects.
    """
    decoder, text, position, more = json.JSONDecoder(), "", 0, True
    characters = codecs.getincrementaldecoder("utf-8")()  # one of them may lie across the edge of what is read at once
    with open_regular(path) as file:

        def read_on() -> None:
            nonlocal text, position, more
            content = file.read(_READ_AT_ONCE)
            more = bool(content)
            text, position = text[position:] + characters.decode(content, final=not more), 0

        def next_character() -> str:
            nonlocal position
            while True:
                while position < len(text) and text[position] in _SPACE:
                    position += 1
                if position < len(text) or not more:
                    return text[position : position + 1]
                read_on()

        try:
            if next_character() != "[":
                raise ValueError("expected an array")
            position += 1
            while (character := next_character()) != "]":
                if character == ",":
                    position += 1
                    next_character()
                while True:
                    try:
                        element, end = decoder.raw_decode(text, position)
                        break
                    except ValueError:
                        if not more or len(text) - position > _MAX_ELEMENT_BYTES:
                            raise
                        read_on()
                if not isinstance(element, dict):
                    raise ValueError(f"expected an array of objects, got {type(element).__name__} in it")
                position = end
                yield element
        except (ValueError, RecursionError, OSError) as error:
            raise _broken(path, error) from None


def field_of(record: Any, name: str, where: Path | str, kind: type | tuple[type, ...] = object) -> Any:
    """Returns a field of a record.

    Raises:
        FootageError: The field is missing or of another type; the error names file and field.
    """
    if not isinstance(record, dict) or name not in record:
        raise FootageError(f"{where}: expected the field `{name}`")
    value = record[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool and kind is not object):
        raise FootageError(f"{where}: the field `{name}` is of an unexpected kind: {type(value).__name__}")
    return value


def array_of(record: Any, name: str, where: Path | str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a field of a record that holds finite numbers as an array of this shape.

    Raises:
        FootageError: The field is missing or holds anything else.
    """
    value = field_of(record, name, where, list)
    try:
        array = np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.array(np.nan)
    if array.shape != shape or not (np.abs(array) < _BEYOND_MEASURE).all():
        size = " × ".join(map(str, shape))
        raise FootageError(f"{where}: expected {size} finite numbers in `{name}`, got {str(value)[:120]}")
    return array


def _broken(path: Path, error: Exception) -> FootageError:
    return FootageError(f"{path}: no JSON as expected: {' '.join(str(error).split())[:200]}")


def box_of(edges: Sequence[Any], where: Path | str) -> Box | None:
    """Returns a box from its edges x0 y0 x1 y1, or None if it has no area.

    Raises:
        FootageError: The edges are not four finite numbers.
    """
    if len(edges) != 4 or not all(_is_finite(edge) for edge in edges):
        raise FootageError(f"{where}: expected a box of four finite numbers, got {str(edges)[:120]}")
    x0, y0, x1, y1 = (float(edge) for edge in edges)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def inside(root: Path, name: Any, where: Path | str) -> Path:
    """Returns the path of a file from its name relative to `root`; raises FootageError if it lies outside `root`."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise FootageError(f"{where}: expected the name of a file, got {str(name)[:80]!r}")
    relative = Path(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise FootageError(f"{where}: the file {name!r} lies outside the data set")
    return root / relative
