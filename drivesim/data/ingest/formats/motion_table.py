"""Tables of a vehicle's motion beside a video: CSV with a header, or a JSON array of objects.

| column | meaning |
| --- | --- |
| `t_ns` | capture time of one frame, in nanoseconds: the table has one row per frame |
| `time_s` | time of a measurement, in seconds from the first frame |
| `speed_mps`, `speed_kmh`, `speed_mph` | speed of the vehicle |
| `yaw_rate_radps`, `yaw_rate_degps` | yaw rate, positive to the left |
| `steering_rad`, `steering_deg` | angle of the steering wheel, positive to the left |

If the table has no yaw rate but the vehicle is described (`Steering`), the yaw rate follows from speed and steering
wheel angle. Other columns are ignored.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from drivesim.data.ingest.formats.tables import json_array
from drivesim.data.ingest.media.files import read_regular
from drivesim.data.ingest.recording import EgoMotionTable
from drivesim.errors import FootageError

_MAX_BYTES = 256 << 20
_TIMES = {"t_ns": 1e-9, "time_s": 1.0}
_SPEEDS = {"speed_mps": 1.0, "speed_kmh": 1 / 3.6, "speed_mph": 0.44704}
_YAW_RATES = {"yaw_rate_radps": 1.0, "yaw_rate_degps": math.pi / 180}
_ANGLES = {"steering_rad": 1.0, "steering_deg": math.pi / 180}


@dataclass(frozen=True)
class Steering:
    """A vehicle whose front wheels turn by 1 / `ratio` of the steering wheel's angle (kinematic single-track model)."""

    wheelbase_m: float
    ratio: float

    def yaw_rate(self, speed_mps: float, wheel_rad: float) -> float:
        """Returns the yaw rate in rad/s."""
        return speed_mps * math.tan(wheel_rad / self.ratio) / self.wheelbase_m


@dataclass(frozen=True)
class MotionTable:
    """A table that has been read.

    Attributes:
        frame_times_s: Capture time of each frame; None if the times of the video apply.
        motion: Ego motion; None if the table has none.
    """

    frame_times_s: tuple[float, ...] | None
    motion: EgoMotionTable | None


def read_motion_table(path: Path, steering: Steering | None = None) -> MotionTable:
    """Reads a table.

    Raises:
        FootageError: The table is broken, has no column of times, or its times do not ascend.
    """
    rows = list(json_array(path)) if path.suffix.lower() == ".json" else _csv_rows(path)
    if not rows:
        raise FootageError(f"{path}: the table has no rows")
    clock = next((name for name in _TIMES if name in rows[0]), None)
    if clock is None:
        raise FootageError(f"{path}: expected a column `t_ns` or `time_s`, got {', '.join(map(str, rows[0]))[:200]}")
    if clock == "t_ns":
        first = _number(rows[0], clock, 1, path)
        times = tuple((_number(row, clock, i, path) - first) * 1e-9 for i, row in enumerate(rows, 1))
    else:
        times = tuple(_number(row, clock, i, path) for i, row in enumerate(rows, 1))
    for before, after in itertools.pairwise(times):
        if not after > before:
            raise FootageError(f"{path}: its times do not ascend: {after:g} s follows {before:g} s")
    return MotionTable(times if clock == "t_ns" else None, _motion(path, rows, times, steering))


def _motion(
    path: Path, rows: Sequence[Mapping[str, Any]], times: tuple[float, ...], steering: Steering | None
) -> EgoMotionTable | None:
    speeds, yaw_rates = (_column(path, rows, names) for names in (_SPEEDS, _YAW_RATES))
    source: Literal["measured", "steering"] = "measured"
    if yaw_rates is None and speeds is not None and steering is not None:
        angles = _column(path, rows, _ANGLES)
        if angles is not None:
            yaw_rates = tuple(steering.yaw_rate(v, a) for v, a in zip(speeds, angles, strict=True))
            source = "steering"
    if speeds is None and yaw_rates is None:
        return None
    unknown = (math.nan,) * len(times)
    return EgoMotionTable(times, speeds or unknown, yaw_rates or unknown, source)


def _column(path: Path, rows: Sequence[Mapping[str, Any]], names: Mapping[str, float]) -> tuple[float, ...] | None:
    """Returns the first of these columns that the table has, converted by its unit."""
    name = next((name for name in names if name in rows[0]), None)
    if name is None:
        return None
    return tuple(_number(row, name, i, path, may_lack=True) * names[name] for i, row in enumerate(rows, 1))


def _number(row: Mapping[str, Any], name: str, number: int, path: Path, may_lack: bool = False) -> float:
    value = row.get(name)
    if may_lack and value in (None, ""):
        return math.nan
    try:
        # Nanoseconds since 1970 have more digits than a float holds; JSON keeps them, and so does int().
        result = int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else value
        if isinstance(result, str):
            result = float(result)
        if isinstance(result, bool) or not isinstance(result, int | float) or not (math.isfinite(result) or may_lack):
            raise ValueError
    except ValueError:
        raise FootageError(f"{path}: row {number}: `{name}` is no number: {str(value)[:60]!r}") from None
    return result


def _csv_rows(path: Path) -> list[dict[str, str]]:
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8-sig")
        return [row for row in csv.DictReader(io.StringIO(text), skipinitialspace=True) if any(row.values())]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FootageError(f"{path}: no CSV as expected: {error}") from None
