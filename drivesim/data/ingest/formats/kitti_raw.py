"""KITTI raw data (Geiger et al., 2013): drives `DATE/DATE_drive_NNNN_sync`, camera 2, OXTS, tracklets.

The time of `image_02/data/FRAME.png` is in line FRAME of `image_02/timestamps.txt`; frames may be missing. Tracklets
give the centre of the bottom face in the axes of the laser scanner. They are transformed by calib_velo_to_cam,
R_rect_00 and P_rect_02 from the day's folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from drivesim.data.ingest.cuboid_views import Cuboid, cuboid_corners, seen_vehicles
from drivesim.data.ingest.formats.kitti import (
    CAMERA_HEIGHT_M,
    KITTI_CATEGORIES,
    VISIBLE_BY_OCCLUSION,
    calibration,
    motion_of_oxts,
    numbered_pictures,
    numbers_of,
    text_lines,
)
from drivesim.data.ingest.formats.xml_file import child_number, read_xml_file
from drivesim.data.ingest.recording import (
    EgoMotionTable,
    PictureFiles,
    Recording,
    Rejected,
    SourceCamera,
    SourceVehicle,
)
from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import VehicleCategory

_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")
_Place = tuple[float, float, float, float, tuple[float, float, float], float]


def recordings(path: Path) -> Iterator[Recording | Rejected]:
    """Yields one recording per drive at or under `path`."""
    drives = [path] if _is_drive(path) else sorted(folder for folder in path.rglob("*_drive_*") if _is_drive(folder))
    if not drives:
        raise FootageError(f"{path}: expected KITTI raw data: folders *_drive_*_sync with image_02/data")
    for drive in drives:
        try:
            yield _recording(drive)
        except FootageError as error:
            yield Rejected(drive.name, str(error))


def _is_drive(folder: Path) -> bool:
    return (folder / "image_02" / "data").is_dir()


def _recording(drive: Path) -> Recording:
    data = drive / "image_02" / "data"
    pictures = numbered_pictures(data)
    if not pictures:
        raise FootageError(f"{data}: no pictures")
    frames = [int(path.stem) for path in pictures]
    stamps = _timestamps(drive / "image_02" / "timestamps.txt")
    if frames[-1] >= len(stamps):
        raise FootageError(f"{drive}: picture {frames[-1]} has no line in timestamps.txt, which has {len(stamps)}")
    start_ns = stamps[frames[0]]
    times = tuple((stamps[frame] - start_ns) * 1e-9 for frame in frames)
    cameras = drive.parent / "calib_cam_to_cam.txt"
    camera, vehicles = None, None
    if cameras.is_file():
        projection = calibration(cameras, "P_rect_02", 12).reshape(3, 4)
        camera = SourceCamera(projection[0, 0], projection[1, 2], CAMERA_HEIGHT_M)
        tracklets = drive / "tracklet_labels.xml"
        if tracklets.is_file():
            by_frame = _vehicles(tracklets, drive.parent, projection)
            vehicles = {number: tuple(by_frame.get(frame, ())) for number, frame in enumerate(frames)}
    return Recording(
        drive.name,
        "kitti_raw",
        PictureFiles(tuple(pictures), times),
        vehicles,
        _motion(drive / "oxts", start_ns),
        camera=camera,
    )


def _timestamps(path: Path) -> list[int]:
    """Returns the time of each line in nanoseconds since an arbitrary moment; a datetime holds only microseconds."""
    stamps = []
    for number, line in enumerate(text_lines(path), 1):
        match = _TIME.fullmatch(line.strip())
        if match is None:
            raise FootageError(f"{path}:{number}: expected a time such as 2011-09-26 13:02:25.964389445")
        try:
            seconds = (datetime.fromisoformat(match[1]) - datetime(1970, 1, 1)).total_seconds()
        except ValueError as error:
            raise FootageError(f"{path}:{number}: {error}: {match[1]}") from None
        stamps.append(int(seconds) * 10**9 + int((match[2] or "0").ljust(9, "0")))
    return stamps


def _motion(oxts: Path, start_ns: int) -> EgoMotionTable | None:
    if not (oxts / "data").is_dir() or not (oxts / "timestamps.txt").is_file():
        return None
    stamps = _timestamps(oxts / "timestamps.txt")
    rows, times = [], []
    for path in sorted((oxts / "data").glob("*.txt")):
        if path.stem.isdecimal() and int(path.stem) < len(stamps):
            rows.append(numbers_of(" ".join(text_lines(path)), path, 1))
            times.append((stamps[int(path.stem)] - start_ns) * 1e-9)
    return motion_of_oxts(rows, times, oxts) if rows else None


def _vehicles(tracklets: Path, day: Path, projection: np.ndarray) -> dict[int, tuple[SourceVehicle, ...]]:
    velo = day / "calib_velo_to_cam.txt"
    rotation, translation = calibration(velo, "R", 9).reshape(3, 3), calibration(velo, "T", 3)
    rectify = calibration(day / "calib_cam_to_cam.txt", "R_rect_00", 9).reshape(3, 3)
    width, height = calibration(day / "calib_cam_to_cam.txt", "S_rect_02", 2)
    intrinsic = projection[:, :3]
    to_camera_2 = np.linalg.solve(intrinsic, projection[:, 3])
    cuboids: dict[int, list[Cuboid]] = {}
    for track, frame, category, place in _poses(tracklets):
        x, y, z, turn, size, most_visible = place
        cos, sin = np.cos(turn), np.sin(turn)
        axes = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        scanner = cuboid_corners(np.array([x, y, z + size[2] / 2]), np.array(size), axes)
        corners = (scanner @ rotation.T + translation) @ rectify.T + to_camera_2
        cuboids.setdefault(frame, []).append(Cuboid(track, category, corners, most_visible))
    return {frame: seen_vehicles(these, intrinsic, int(width), int(height)) for frame, these in cuboids.items()}


def _poses(path: Path) -> Iterator[tuple[int, int, VehicleCategory, _Place]]:
    """Yields track, frame, category and (x, y, z, yaw, (length, width, height), most visible) of each vehicle pose."""
    root = read_xml_file(path)
    items = root.find("tracklets")
    if items is None:
        raise FootageError(f"{path}: expected the element tracklets")
    for track, item in enumerate(items.findall("item")):
        category = KITTI_CATEGORIES.get((item.findtext("objectType") or "").strip())
        poses = item.find("poses")
        if category is None or poses is None:
            continue
        length, width, height = (child_number(item, name, path) for name in ("l", "w", "h"))
        first = int(child_number(item, "first_frame", path))
        for offset, pose in enumerate(poses.findall("item")):
            x, y, z, turn = (child_number(pose, name, path) for name in ("tx", "ty", "tz", "rz"))
            yield track, first + offset, category, (x, y, z, turn, (length, width, height), _most_visible(pose, path))


def _most_visible(pose: ET.Element, path: Path) -> float:
    return VISIBLE_BY_OCCLUSION.get(int(child_number(pose, "occlusion", path)), 1.0)
