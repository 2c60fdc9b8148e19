"""Waymo Open Dataset, perception v2 (Sun et al., 2020): Parquet components, the front camera.

The folder of a split has one folder per component, such as `camera_image/SEGMENT.parquet`. `camera_image` is required;
`camera_box` gives boxes (centre and size), `vehicle_pose` the ego motion, `camera_calibration` the camera, and `stats`
the time of day. Times are in microseconds. Poses are row-major 4 × 4 matrices from the vehicle (x forward, z up) to the
world. The data set does not distinguish types of vehicles, so all of them become cars.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.data.ingest.formats.tables import box_of
from drivesim.data.ingest.labels.ego_motion import rates_of_angles, speeds_along
from drivesim.data.ingest.media.pictures import parquet_library
from drivesim.data.ingest.recording import (
    EgoMotionTable,
    ParquetPictures,
    Recording,
    Rejected,
    SourceCamera,
    SourceVehicle,
)
from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import TimeOfDay

FRONT, VEHICLE = 1, 1
_TIMES_OF_DAY: dict[str, TimeOfDay] = {"Day": "day", "Night": "night"}
_TIME, _CAMERA = "key.frame_timestamp_micros", "key.camera_name"
_IMAGE, _BOX, _CALIBRATION = "[CameraImageComponent]", "[CameraBoxComponent]", "[CameraCalibrationComponent]"


def recordings(path: Path) -> Iterator[Recording | Rejected]:
    """Yields one recording per segment of the split in the folder `path`."""
    parquet_library()
    files = sorted((path / "camera_image").glob("*.parquet"))
    if not files:
        raise FootageError(f"{path}: expected a split of Waymo Open v2: the folder camera_image with Parquet files")
    for file in files:
        try:
            yield _recording(path, file)
        except FootageError as error:
            yield Rejected(file.stem, str(error))


def _recording(split: Path, images: Path) -> Recording:
    rows = _rows(images, [_TIME, _CAMERA])
    front = sorted((row[_TIME], number) for number, row in enumerate(rows) if row[_CAMERA] == FRONT)
    if not front:
        raise FootageError(f"{images}: no pictures of the camera in front")
    stamps = [stamp for stamp, _ in front]
    times = tuple((stamp - stamps[0]) * 1e-6 for stamp in stamps)
    media = ParquetPictures(images, f"{_IMAGE}.image", tuple(number for _, number in front), times)
    name = images.name
    word = _time_of_day(split / "stats" / name)
    return Recording(
        images.stem,
        "waymo",
        media,
        _vehicles(split / "camera_box" / name, stamps),
        _motion(split / "vehicle_pose" / name, stamps[0]),
        None if word is None else _TIMES_OF_DAY.get(word),
        _camera(split / "camera_calibration" / name),
        between_day_and_night=word == "Dawn/Dusk",
    )


def _vehicles(path: Path, stamps: list[int]) -> dict[int, tuple[SourceVehicle, ...]] | None:
    if not path.is_file():
        return None
    centre_x, centre_y, size_x, size_y = (f"{_BOX}.box.{part}" for part in ("center.x", "center.y", "size.x", "size.y"))
    columns = [_TIME, _CAMERA, "key.camera_object_id", f"{_BOX}.type", centre_x, centre_y, size_x, size_y]
    tracks: dict[str, int] = {}
    found: dict[int, list[SourceVehicle]] = defaultdict(list)
    for row in _rows(path, columns):
        if row[_CAMERA] != FRONT or row[f"{_BOX}.type"] != VEHICLE:
            continue
        x, y, width, height = row[centre_x], row[centre_y], row[size_x], row[size_y]
        box = box_of((x - width / 2, y - height / 2, x + width / 2, y + height / 2), path)
        if box is not None:
            track = tracks.setdefault(row["key.camera_object_id"], len(tracks))
            found[row[_TIME]].append(SourceVehicle(track, "car", box))
    return {number: tuple(found.get(stamp, ())) for number, stamp in enumerate(stamps)}


def _motion(path: Path, start: int) -> EgoMotionTable | None:
    if not path.is_file():
        return None
    column = "[VehiclePoseComponent].world_from_vehicle.transform"
    poses = sorted((row[_TIME], row[column]) for row in _rows(path, [_TIME, column]))
    try:
        matrices = np.array([pose for _, pose in poses], float).reshape(-1, 4, 4)
    except ValueError:
        raise FootageError(f"{path}: expected poses of 16 numbers") from None
    times = np.array([(stamp - start) * 1e-6 for stamp, _ in poses])
    forward = matrices[:, :3, 0]
    yaw_rates = rates_of_angles(times, np.arctan2(forward[:, 1], forward[:, 0]))
    speeds = speeds_along(times, matrices[:, :3, 3], forward)
    return EgoMotionTable(tuple(times.tolist()), tuple(speeds.tolist()), tuple(yaw_rates.tolist()))


def _camera(path: Path) -> SourceCamera | None:
    if not path.is_file():
        return None
    focal, centre_v = f"{_CALIBRATION}.intrinsic.f_u", f"{_CALIBRATION}.intrinsic.c_v"
    extrinsic = f"{_CALIBRATION}.extrinsic.transform"
    for row in _rows(path, [_CAMERA, focal, centre_v, extrinsic]):
        if row[_CAMERA] == FRONT:
            mount = np.array(row[extrinsic], float).reshape(4, 4)
            # The camera looks along its own x axis.
            pitch = float(np.arcsin(np.clip(mount[2, 0], -1, 1)))
            return SourceCamera(row[focal], row[centre_v], float(mount[2, 3]), pitch)
    return None


def _time_of_day(path: Path) -> str | None:
    if not path.is_file():
        return None
    column = "[StatsComponent].time_of_day"
    rows = _rows(path, [column])
    return rows[0][column] if rows else None


def _rows(path: Path, columns: list[str]) -> list[dict[str, Any]]:
    """Returns these columns of all rows of a Parquet file.

    Raises:
        FootageError: A column is missing, or the file is broken.
    """
    try:
        return parquet_library().read_table(path, columns=columns).select(columns).to_pylist()
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are of these types
        raise FootageError(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}") from None
