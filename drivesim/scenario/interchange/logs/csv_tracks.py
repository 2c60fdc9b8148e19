"""Tracks from a CSV file, a plain format to which other logs are easily converted.

The file has one line per vehicle and time: `time, id, x, y, heading, length, width, category`. Times are in s,
positions of the centre in m, and headings in degrees from the x axis towards the y axis (`heading_rad`: in radians).
`heading`, `length`, `width`, `height` and `category` are optional. The ego has 1 in a column `ego`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator

from drivesim.errors import InputError
from drivesim.scenario.interchange.logs.tracks import Track, Tracks
from drivesim.scenario.text.problems import clipped

MAX_LINES = 5_000_000
_IMPLAUSIBLE = 1e12
_NEEDED = ("time", "id", "x", "y")
_SYNONYMS = {
    "time_s": "time",
    "t": "time",
    "x_m": "x",
    "y_m": "y",
    "heading_deg": "heading",
    "length_m": "length",
    "width_m": "width",
    "height_m": "height",
    "class": "category",
    "type": "category",
}
_CATEGORIES = {"vehicle": "car", "passenger": "car", "truck_bus": "truck", "lorry": "truck", "trailer": "trailer"}


def tracks_of_csv(text: str, file: str, ego: str | None) -> Tracks:
    """Returns the tracks of a file.

    Args:
        text: Content of the file; the first line names the columns.
        file: Name of the file in messages.
        ego: Id of the ego, for files without a column `ego`.

    Raises:
        InputError: A column is missing, a line holds invalid numbers, or no ego is named.
    """
    lines = _lines(text, file)
    _, names = next(lines, (1, []))
    header = [_SYNONYMS.get(name.strip().lower(), name.strip().lower()) for name in names]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        wanted = "time, id, x, y, heading, length, width, category"
        raise InputError(f"{file}:1: expected the columns {wanted}; {', '.join(missing)} is missing")
    tracks: dict[str, Track] = {}
    named = ego
    for number, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if number > MAX_LINES:
            raise InputError(f"{file}: more than {MAX_LINES:,} lines; shorten the log")
        if any(cell.strip() for cell in cells[len(header) :]):
            raise InputError(f"{file}:{number}: expected {len(header)} cells, as line 1 has, got {len(cells)}")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        time, x, y = (_number(row, key, number, file) for key in ("time", "x", "y"))
        name = row.get("id", "")
        track = tracks.get(name)
        if track is None:
            said = row.get("category", "").lower() or "car"
            length, width, height = (_number(row, key, number, file, 0.0) for key in ("length", "width", "height"))
            track = tracks[name] = Track(name, _CATEGORIES.get(said, said), (length, width, height))
        heading = math.radians(_number(row, "heading", number, file, math.nan))
        if "heading_rad" in row:
            heading = _number(row, "heading_rad", number, file, math.nan)
        track.rows.append((time, x, y, heading))
        if named is None and row.get("ego", "").lower() in ("1", "true", "yes"):
            named = name
    if named is None:
        known = ", ".join(list(tracks)[:20])
        raise InputError(f"{file}: expected --ego ID, or a column `ego` with 1 in it; there are {known or 'no rows'}")
    return Tracks(tuple(tracks.values()), named)


def _lines(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the cells of each line; raises InputError if a quotation mark is out of place."""
    lines = csv.reader(text.splitlines(), skipinitialspace=True, strict=True)
    number = 0
    try:
        for cells in lines:
            number += 1
            if number != lines.line_num:
                raise InputError(f"{file}:{number}: the quotation mark in this line is not closed")
            yield number, cells
    except csv.Error as error:
        raise InputError(f"{file}:{number + 1}: expected cells separated by commas: {error}") from None


def _number(row: dict[str, str], key: str, line: int, file: str, default: float | None = None) -> float:
    cell = row.get(key, "")
    if not cell and default is not None:
        return default
    try:
        value = float(cell)
        if not abs(value) < _IMPLAUSIBLE:
            raise ValueError
    except ValueError:
        raise InputError(f"{file}:{line}: `{key}`: expected a number, got {clipped(cell) or 'nothing'}") from None
    return value
