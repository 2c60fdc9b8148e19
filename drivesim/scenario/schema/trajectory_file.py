"""Reads a trajectory from a CSV file beside its scenario."""

from __future__ import annotations

import csv
from pathlib import Path

from drivesim.errors import InputError
from drivesim.regular_files import read_regular
from drivesim.scenario.schema.trajectory import COLUMNS, MAX_ROWS, Row, TrajectoryRows, row_problem
from drivesim.scenario.text.problems import clipped

MAX_BYTES = 4 << 20


def read_trajectory(path: Path) -> TrajectoryRows:
    """Reads the rows of a CSV file: time_s, distance_m, lateral_m and, optionally, heading_deg.

    The file may have a first line with these names, empty lines, and comments that start with #.

    Raises:
        InputError: The file is missing, not text or too large, or a line, named by its number, is not a valid row.
    """
    rows: list[Row] = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        cells = [cell.strip() for cell in next(csv.reader([line]), [])]
        if not any(cells) or line.lstrip().startswith("#"):
            continue
        if not rows and not _is_number(cells[0]):
            if tuple(cells) not in (COLUMNS, COLUMNS[:3]):
                raise InputError(f"{path}:{number}: expected the columns {', '.join(COLUMNS)}, got {clipped(line)}")
            continue
        given = tuple(float(cell) if _is_number(cell) else cell for cell in cells if cell or len(cells) < len(COLUMNS))
        if (problem := row_problem(given)) is not None:
            raise InputError(f"{path}:{number}: {problem}")
        row = tuple(map(float, given))
        if rows and row[0] <= rows[-1][0]:
            raise InputError(f"{path}:{number}: expected a `time_s` of more than {rows[-1][0]:g}, got {row[0]:g}")
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise InputError(f"{path}:{number}: expected at most {MAX_ROWS} rows")
    if not rows:
        raise InputError(f"{path}: expected rows of {', '.join(COLUMNS)}, got none")
    return tuple(rows)


def _text(path: Path) -> str:
    try:
        content = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text, got the byte 0x{content[error.start]:02x}") from error


def _is_number(cell: str) -> bool:
    try:
        return abs(float(cell)) < 1e12
    except ValueError:
        return False
