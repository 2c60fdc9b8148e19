"""KITTI tracking (Geiger et al., 2012): `image_02/SEQUENCE/*.png`, `label_02/SEQUENCE.txt`, `oxts/`, `calib/`.

A line of labels holds frame, track, type, truncated, occluded, alpha, the box x1 y1 x2 y2 (zero-based), height, width,
length, the centre x y z of the bottom face in camera axes, and the rotation about the camera's y axis. The frame rate
is 10 per second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drivesim.data.ingest.cuboid_views import cuboid_corners, nearest_point_m
from drivesim.data.ingest.formats.kitti import (
    CAMERA_HEIGHT_M,
    FPS,
    KITTI_CATEGORIES,
    VISIBLE_BY_OCCLUSION,
    calibration,
    motion_of_oxts,
    numbered_pictures,
    numbers_of,
    text_lines,
)
from drivesim.data.ingest.formats.tables import box_of
from drivesim.data.ingest.recording import PictureFiles, Recording, Rejected, SourceCamera, SourceVehicle
from drivesim.errors import FootageError

_UNKNOWN_PLACE = -1000.0


def recordings(path: Path) -> Iterator[Recording | Rejected]:
    """Yields one recording per sequence under `path`, which is the folder of the data set or its folder `training`."""
    root = next((folder for folder in (path, path / "training", path / "testing") if _is_part(folder)), None)
    if root is None:
        raise FootageError(f"{path}: expected KITTI tracking: image_02 with one folder per sequence")
    for folder in sorted(folder for folder in (root / "image_02").iterdir() if folder.is_dir()):
        try:
            yield _recording(root, folder)
        except FootageError as error:
            yield Rejected(folder.name, str(error))


def _is_part(folder: Path) -> bool:
    return (folder / "image_02").is_dir()


def _recording(root: Path, folder: Path) -> Recording:
    name = folder.name
    pictures = numbered_pictures(folder)
    if not pictures:
        raise FootageError(f"{folder}: no pictures")
    frames = [int(path.stem) for path in pictures]
    labels = root / "label_02" / f"{name}.txt"
    vehicles = None
    if labels.is_file():
        by_frame = _vehicles(labels)
        vehicles = {number: tuple(by_frame.get(frame, ())) for number, frame in enumerate(frames)}
    oxts = root / "oxts" / f"{name}.txt"
    motion = None
    if oxts.is_file():
        rows = [numbers_of(line, oxts, number) for number, line in enumerate(text_lines(oxts), 1)]
        motion = motion_of_oxts(rows, tuple(frame / FPS for frame in range(len(rows))), oxts)
    calib = root / "calib" / f"{name}.txt"
    camera = None
    if calib.is_file():
        projection = calibration(calib, "P2", 12).reshape(3, 4)
        camera = SourceCamera(projection[0, 0], projection[1, 2], CAMERA_HEIGHT_M)
    media = PictureFiles(tuple(pictures), tuple(frame / FPS for frame in frames))
    return Recording(name, "kitti_tracking", media, vehicles, motion, camera=camera)


def _vehicles(path: Path) -> dict[int, list[SourceVehicle]]:
    found: dict[int, list[SourceVehicle]] = {}
    for number, line in enumerate(text_lines(path), 1):
        words = line.split()
        if len(words) not in (17, 18):
            raise FootageError(f"{path}:{number}: expected 17 values, got {len(words)}")
        category = KITTI_CATEGORIES.get(words[2])
        if category is None:
            continue
        frame, track, *values = numbers_of(" ".join([*words[:2], *words[3:17]]), path, number)
        occluded, box = int(values[1]), box_of(values[3:7], f"{path}:{number}")
        if box is None:
            continue
        fraction = VISIBLE_BY_OCCLUSION.get(occluded)
        vehicle = SourceVehicle(int(track), category, box, None, _distance(values[7:]), fraction)
        found.setdefault(int(frame), []).append(vehicle)
    return found


def _distance(values: list[float]) -> float | None:
    """Returns the distance from height, width, length, the centre x y z of the bottom, and the rotation about y."""
    height, width, length, x, y, z, turn = values[:7]
    if x <= _UNKNOWN_PLACE or min(height, width, length) <= 0:
        return None
    cos, sin = math.cos(turn), math.sin(turn)
    axes = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    centre = np.array([x, y - height / 2, z])
    return nearest_point_m(cuboid_corners(centre, np.array([length, height, width]), axes))
