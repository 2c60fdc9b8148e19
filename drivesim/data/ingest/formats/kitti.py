"""Code shared by the two KITTI formats: OXTS lines, calibration files, categories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drivesim.data.ingest.media.files import read_regular
from drivesim.data.ingest.recording import EgoMotionTable
from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import VehicleCategory

FPS = 10.0
CAMERA_HEIGHT_M = 1.65
"""Height of the camera above the road, from the data set's description of its vehicle."""
KITTI_CATEGORIES: dict[str, VehicleCategory] = {"Car": "car", "Van": "van", "Truck": "truck"}
VISIBLE_BY_OCCLUSION = {0: 1.0, 1: 0.6, 2: 0.2}
"""Approximate visible fraction of fully visible, partly occluded and largely occluded vehicles; 3 is unknown."""
_MAX_BYTES = 256 << 20
_FORWARD_SPEED, _UPWARD_TURN = 8, 22
"""Positions of `vf` (m/s) and `wu` (rad/s about the upward axis, so positive to the left) in a line of OXTS."""
_OXTS_VALUES = 30


def numbered_pictures(folder: Path) -> list[Path]:
    """Returns the pictures of a folder whose names are numbers, in numeric order."""
    pictures = [path for path in folder.iterdir() if path.suffix in (".png", ".jpg") and path.stem.isdecimal()]
    return sorted(pictures, key=lambda path: int(path.stem))


def text_lines(path: Path) -> list[str]:
    """Returns the lines of a text file that are not blank; raises FootageError if it cannot be read."""
    try:
        text = read_regular(path, _MAX_BYTES).decode("ascii")
    except UnicodeDecodeError:
        raise FootageError(f"{path}: expected plain text") from None
    return [line for line in text.splitlines() if line.strip()]


def numbers_of(line: str, path: Path, number: int) -> list[float]:
    """Returns the numbers of a line; raises a FootageError that names the line if a word is not a finite number."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError as error:
        raise FootageError(f"{path}:{number}: {error}") from None
    if not np.isfinite(values).all():
        raise FootageError(f"{path}:{number}: expected finite numbers")
    return values


def motion_of_oxts(rows: Sequence[Sequence[float]], times_s: Sequence[float], path: Path) -> EgoMotionTable:
    """Returns speed and yaw rate from OXTS lines."""
    short = next((number for number, row in enumerate(rows, 1) if len(row) < _OXTS_VALUES), None)
    if short is not None:
        raise FootageError(f"{path}: line {short}: expected {_OXTS_VALUES} values, got {len(rows[short - 1])}")
    speeds = tuple(float(row[_FORWARD_SPEED]) for row in rows)
    yaw_rates = tuple(float(row[_UPWARD_TURN]) for row in rows)
    return EgoMotionTable(tuple(times_s), speeds, yaw_rates)


def calibration(path: Path, name: str, count: int) -> np.ndarray:
    """Returns the numbers of one entry (`NAME: 1.0 2.0 ...`) of a calibration file."""
    for number, line in enumerate(text_lines(path), 1):
        key, _, values = line.replace(":", " ", 1).partition(" ")
        if key == name:
            numbers = numbers_of(values, path, number)
            if len(numbers) != count:
                raise FootageError(f"{path}:{number}: expected {count} numbers for {name}, got {len(numbers)}")
            return np.array(numbers)
    raise FootageError(f"{path}: expected an entry {name}")
