"""Positions over time that scenario files give instead of manoeuvres: rows of time, distance, lateral and heading."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from drivesim.geometry.reference_lines import ReferenceLine
from drivesim.geometry.sampled_trajectories import SampledTrajectory
from drivesim.scenario.schema.strict import InvalidFieldsError
from drivesim.scenario.text.problems import FieldPath, shown

COLUMNS = ("time_s", "distance_m", "lateral_m", "heading_deg")
MAX_ROWS = 20_000
_RANGES = ((0.0, 3600.0), (-200_000.0, 200_000.0), (-2000.0, 2000.0), (-360.0, 360.0))

Row = tuple[float, ...]
"""Time in s, distance and lateral position in m, and optionally the heading in degrees."""

TrajectoryRows = tuple[Row, ...]


def row_problem(row: Any) -> str | None:
    """Returns what is wrong with one row, or None."""
    if not isinstance(row, list | tuple) or len(row) not in (3, 4):
        came = f"{len(row)} values" if isinstance(row, list | tuple) else shown(row)
        return f"expected 3 or 4 numbers, time_s, distance_m, lateral_m and heading_deg, got {came}"
    for name, value, (low, high) in zip(COLUMNS, row, _RANGES, strict=False):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"`{name}`: expected a number, got {shown(value)}"
        if not low <= value <= high:
            return f"`{name}`: expected {low:g} to {high:g}, got {value:g}"
    return None


def _rows(rows: Any) -> Any:
    if isinstance(rows, str):
        raise ValueError("expected rows; a file is read only where the scenario itself is read from a file")
    if not isinstance(rows, list | tuple):
        return rows
    if not 1 <= len(rows) <= MAX_ROWS:
        raise ValueError(f"expected 1 to {MAX_ROWS} rows, got {len(rows)}")
    problems: list[tuple[FieldPath, str]] = [
        ((index,), problem) for index, row in enumerate(rows) if (problem := row_problem(row)) is not None
    ]
    if problems:
        raise InvalidFieldsError(problems[:10])
    return tuple(tuple(float(value) for value in row) for row in rows)


def _ascending(rows: TrajectoryRows) -> TrajectoryRows:
    for index, (before, after) in enumerate(pairwise(rows), start=1):
        if after[0] <= before[0]:
            message = f"expected a `time_s` of more than {before[0]:g}, that of the row before, got {after[0]:g}"
            raise InvalidFieldsError([((index,), message)])
    return rows


_ROW_SCHEMA = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 3,
    "maxItems": 4,
    "description": "time_s, distance_m, lateral_m, and heading_deg where it is not the direction of motion.",
}

GivenTrajectory = Annotated[
    TrajectoryRows,
    Field(strict=False),
    BeforeValidator(_rows),
    AfterValidator(_ascending),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": _ROW_SCHEMA, "minItems": 1, "maxItems": MAX_ROWS},
                {"type": "string", "description": "CSV file beside the scenario, with the columns of the rows."},
            ]
        }
    ),
]


def sampled(
    rows: TrajectoryRows, line: ReferenceLine, ahead_m: float = 0.0, resting_heading_rad: float = 0.0
) -> SampledTrajectory:
    """Returns the motion that rows describe.

    Args:
        rows: Rows of the trajectory.
        line: The line that distances follow.
        ahead_m: Distance from the point that the rows give to the point whose motion is returned, positive ahead.
        resting_heading_rad: Heading of a vehicle that never moves and has no heading in its rows.
    """
    table = np.array([row if len(row) == 4 else (*row, np.nan) for row in rows])
    times, distances, laterals, headings = table.T
    return SampledTrajectory(line, times, distances + ahead_m, laterals, np.deg2rad(headings), resting_heading_rad)
