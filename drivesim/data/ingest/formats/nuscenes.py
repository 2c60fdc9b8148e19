"""nuScenes (Caesar et al., 2020): the JSON tables of a version folder, and the pictures of the front camera.

Every picture of the camera is used (12 Hz), not only the key frames. Between two key frames the annotated 3-D boxes are
interpolated, as in the data set's own toolkit. Quaternions are w x y z; sizes are width, length, height; times are
in microseconds; each picture has the ego pose of its own time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from drivesim.data.ingest.cuboid_views import Cuboid, cuboid_corners, seen_vehicles
from drivesim.data.ingest.formats.tables import array_of, field_of, inside, json_array
from drivesim.data.ingest.labels.ego_motion import rates_of_angles, speeds_along
from drivesim.data.ingest.recording import EgoMotionTable, PictureFiles, Recording, SourceCamera, SourceVehicle
from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import VehicleCategory

CHANNEL = "CAM_FRONT"
_CATEGORIES: dict[str, VehicleCategory] = {
    "vehicle.car": "car",
    "vehicle.emergency.police": "car",
    "vehicle.emergency.ambulance": "van",
    "vehicle.truck": "truck",
    "vehicle.trailer": "truck",
    "vehicle.construction": "truck",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
}
_VISIBLE = {"1": 0.2, "2": 0.5, "3": 0.7, "4": 1.0}
"""Visible fraction by level: the middle of v0-40, v40-60 and v60-80, and no limit for v80-100."""


@dataclass(frozen=True, eq=False)
class _Pose:
    """Transformation from an object's axes to those of its parent: rotation `3 3` and translation `3` in metres."""

    rotation: np.ndarray
    translation: np.ndarray

    @classmethod
    def of(cls, record: dict[str, Any], where: Path) -> _Pose:
        w, x, y, z = array_of(record, "rotation", where, (4,))
        if w == x == y == z == 0:
            raise FootageError(f"{where}: expected a quaternion in `rotation`, got four zeros")
        translation = array_of(record, "translation", where, (3,))
        return cls(Rotation.from_quat([x, y, z, w]).as_matrix(), translation)


@dataclass(frozen=True, eq=False)
class _Annotation:
    """One vehicle at one sample, in global axes; its size is along its own x (length), y (width) and z (height)."""

    instance: str
    category: VehicleCategory
    pose: _Pose
    size: np.ndarray
    most_visible: float


@dataclass(frozen=True, eq=False)
class _Picture:
    """One picture of the camera."""

    path: Path
    time_us: int
    sample: str
    is_key_frame: bool
    ego_pose: str
    calibration: str
    size: tuple[int, int]


@dataclass
class _Tables:
    """The rows of the tables that concern the front camera or vehicles."""

    samples: dict[str, int] = field(default_factory=dict)
    scene_of: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, list[_Picture]] = field(default_factory=dict)
    ego_poses: dict[str, _Pose] = field(default_factory=dict)
    calibrations: dict[str, tuple[_Pose, np.ndarray]] = field(default_factory=dict)
    annotations: dict[str, dict[str, _Annotation]] = field(default_factory=dict)


def recordings(path: Path) -> Iterator[Recording]:
    """Yields one recording per scene.

    Args:
        path: Folder with `samples/`, `sweeps/` and the folder of tables, such as `v1.0-mini`.

    Raises:
        FootageError: There is no folder of tables or more than one, or a table is broken.
    """
    folder = _tables_folder(path)
    tables = _read(folder, folder.parent)
    for scene in json_array(folder / "scene.json"):
        token = field_of(scene, "token", folder / "scene.json", str)
        pictures = sorted(tables.pictures.get(token, ()), key=lambda picture: picture.time_us)
        if pictures:
            name = field_of(scene, "name", folder / "scene.json", str)
            night = "night" in str(scene.get("description", "")).lower()
            yield _recording(name, token, pictures, tables, "night" if night else None)


def _recording(name: str, scene: str, pictures: list[_Picture], tables: _Tables, time_of_day: Any) -> Recording:
    times = np.array([(picture.time_us - pictures[0].time_us) * 1e-6 for picture in pictures])
    poses = [tables.ego_poses[picture.ego_pose] for picture in pictures]
    forward = np.stack([pose.rotation[:, 0] for pose in poses])
    positions = np.stack([pose.translation for pose in poses])
    yaw_rates = rates_of_angles(times, np.arctan2(forward[:, 1], forward[:, 0]))
    speeds = speeds_along(times, positions, forward)
    samples = sorted((tables.samples[token], token) for token, its in tables.scene_of.items() if its == scene)
    instances: dict[str, int] = {}
    vehicles = {number: _vehicles(picture, samples, tables, instances) for number, picture in enumerate(pictures)}
    mount, intrinsic = tables.calibrations[pictures[0].calibration]
    looking = mount.rotation @ np.array([0.0, 0.0, 1.0])
    return Recording(
        name,
        "nuscenes",
        PictureFiles(tuple(picture.path for picture in pictures), tuple(times.tolist())),
        vehicles,
        EgoMotionTable(tuple(times.tolist()), tuple(speeds.tolist()), tuple(yaw_rates.tolist())),
        time_of_day,
        SourceCamera(
            focal_px=float(intrinsic[0, 0]),
            vertical_centre_px=float(intrinsic[1, 2]),
            height_m=float(mount.translation[2]),
            pitch_rad=float(np.arcsin(np.clip(looking[2], -1, 1))),
        ),
    )


def _vehicles(
    picture: _Picture, samples: list[tuple[int, str]], tables: _Tables, instances: dict[str, int]
) -> tuple[SourceVehicle, ...]:
    ego = tables.ego_poses[picture.ego_pose]
    mount, intrinsic = tables.calibrations[picture.calibration]
    rotation = ego.rotation @ mount.rotation
    position = ego.rotation @ mount.translation + ego.translation
    cuboids = []
    for annotation in _annotations_at(picture, samples, tables):
        corners = cuboid_corners(annotation.pose.translation, annotation.size, annotation.pose.rotation)
        track = instances.setdefault(annotation.instance, len(instances))
        cuboids.append(Cuboid(track, annotation.category, (corners - position) @ rotation, annotation.most_visible))
    return seen_vehicles(cuboids, intrinsic, picture.size[1], picture.size[0])


def _annotations_at(picture: _Picture, samples: list[tuple[int, str]], tables: _Tables) -> list[_Annotation]:
    """Returns the annotations of a picture's sample, or interpolates those of the samples around it."""
    if picture.is_key_frame:
        return list(tables.annotations.get(picture.sample, {}).values())
    place = bisect_left(samples, (picture.time_us, ""))
    around = [samples[i] for i in (place - 1, place) if 0 <= i < len(samples)]
    if len(around) < 2:
        return list(tables.annotations.get(around[0][1], {}).values()) if around else []
    (start, before), (stop, after) = around
    share = (picture.time_us - start) / (stop - start)
    first, second = tables.annotations.get(before, {}), tables.annotations.get(after, {})
    nearest = second if share > 0.5 else first
    between = [_between(first[key], second[key], share) for key in first.keys() & second.keys()]
    return between + [nearest[key] for key in nearest if not (key in first and key in second)]


def _between(first: _Annotation, second: _Annotation, share: float) -> _Annotation:
    turns = Slerp([0, 1], Rotation.from_matrix([first.pose.rotation, second.pose.rotation]))
    place = first.pose.translation + share * (second.pose.translation - first.pose.translation)
    nearest = second if share > 0.5 else first
    return _Annotation(
        first.instance, first.category, _Pose(turns(share).as_matrix(), place), nearest.size, nearest.most_visible
    )


def _tables_folder(path: Path) -> Path:
    if (path / "sample_data.json").is_file():
        return path
    folders = sorted(folder.parent for folder in path.glob("v1.0-*/sample_data.json"))
    if len(folders) != 1:
        found = ", ".join(folder.name for folder in folders) or "none"
        raise FootageError(f"{path}: expected one folder of nuScenes tables (v1.0-...), found {found}; name it as PATH")
    return folders[0]


def _read(folder: Path, root: Path) -> _Tables:
    tables = _Tables()
    path = folder / "sample.json"
    for sample in json_array(path):
        token = field_of(sample, "token", path, str)
        tables.samples[token] = field_of(sample, "timestamp", path, int)
        tables.scene_of[token] = field_of(sample, "scene_token", path, str)
    _read_cameras(folder, tables)
    _read_pictures(folder, root, tables)
    needed = {picture.ego_pose for pictures in tables.pictures.values() for picture in pictures}
    path = folder / "ego_pose.json"
    for pose in json_array(path):
        token = field_of(pose, "token", path, str)
        if token in needed:
            tables.ego_poses[token] = _Pose.of(pose, path)
    if missing := needed - tables.ego_poses.keys():
        raise FootageError(f"{path}: {len(missing)} poses that pictures refer to are missing")
    _read_annotations(folder, tables)
    return tables


def _read_cameras(folder: Path, tables: _Tables) -> None:
    path = folder / "sensor.json"
    sensors = {field_of(s, "token", path, str) for s in json_array(path) if s.get("channel") == CHANNEL}
    path = folder / "calibrated_sensor.json"
    for camera in json_array(path):
        if field_of(camera, "sensor_token", path, str) in sensors:
            intrinsic = array_of(camera, "camera_intrinsic", path, (3, 3))
            tables.calibrations[field_of(camera, "token", path, str)] = (_Pose.of(camera, path), intrinsic)


def _read_pictures(folder: Path, root: Path, tables: _Tables) -> None:
    path = folder / "sample_data.json"
    for data in json_array(path):
        calibration = field_of(data, "calibrated_sensor_token", path, str)
        if calibration not in tables.calibrations:
            continue
        sample = field_of(data, "sample_token", path, str)
        if sample not in tables.scene_of:
            raise FootageError(f"{path}: a picture refers to the sample {sample}, which sample.json does not have")
        picture = _Picture(
            inside(root, data.get("filename"), path),
            field_of(data, "timestamp", path, int),
            sample,
            field_of(data, "is_key_frame", path, bool),
            field_of(data, "ego_pose_token", path, str),
            calibration,
            (field_of(data, "height", path, int), field_of(data, "width", path, int)),
        )
        tables.pictures.setdefault(tables.scene_of[sample], []).append(picture)


def _read_annotations(folder: Path, tables: _Tables) -> None:
    path = folder / "category.json"
    categories = {field_of(c, "token", path, str): _CATEGORIES.get(str(c.get("name"))) for c in json_array(path)}
    path = folder / "instance.json"
    category_of = {
        field_of(i, "token", path, str): categories.get(field_of(i, "category_token", path, str))
        for i in json_array(path)
    }
    path = folder / "sample_annotation.json"
    for annotation in json_array(path):
        instance = field_of(annotation, "instance_token", path, str)
        category = category_of.get(instance)
        unseen = annotation.get("num_lidar_pts") == 0 and annotation.get("num_radar_pts") == 0
        if category is None or unseen:
            continue  # not a vehicle, or a vehicle that no sensor saw at this moment
        width, length, height = array_of(annotation, "size", path, (3,))
        made = _Annotation(
            instance,
            category,
            _Pose.of(annotation, path),
            np.array([length, width, height]),
            _VISIBLE.get(str(annotation.get("visibility_token")), 1.0),
        )
        tables.annotations.setdefault(field_of(annotation, "sample_token", path, str), {})[instance] = made
