"""The layout of a scenario over time as ASAM OpenLABEL 1.0.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.cuboids import seen_from
from drivesim.geometry.trajectories import Poses
from drivesim.scenario.schema.actors import Actor
from drivesim.scenario.schema.box import Box
from drivesim.scenario.schema.road import Camera
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.scene import ActorView, Scene
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX

WORLD, VEHICLE, CAMERA = "odom", "vehicle-iso8855", "camera"

_ROAD_TO_ISO = np.array([(0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)])
"""Matrix from row vectors of the road (right, forward, up) to those of ISO 8855 (forward, left, up)."""


def openlabel(scenario: Scenario, fps: float = 10.0) -> dict[str, Any]:
    """Returns an OpenLABEL document with one object per actor or box, and one frame per known moment.

    A `bbox` is (x and y of the middle, width, height) in pixels; the one named `visible` surrounds the visible part,
    `amodal` the whole vehicle. A `cuboid` is in metres in the axes of the ego (ISO 8855; the origin lies on the road
    under the camera). `told` says whether the models are conditioned on the box. If no actor is steered, or the
    scenario consists of boxes, only the first frame is known.
    """
    scene = scenario.scene
    camera = (scenario.camera or Camera()).pinhole()
    vehicles: Sequence[Actor | Box] = scenario.boxes or () if scene is None else scene.actors
    frames: dict[str, Any] = {}
    found: dict[int, dict[str, tuple[str, list[int]]]] = {index: {} for index in range(len(vehicles))}
    for number, time_s in enumerate(scenario.known_times(fps)):
        data = _of_boxes(scenario) if scene is None else _of_actors(scene, time_s)
        frames[str(number)] = {
            "frame_properties": {
                "timestamp": time_s,
                "streams": {CAMERA: {"stream_properties": {"sync": {"frame_stream": number, "timestamp": time_s}}}},
                "transforms": {f"{VEHICLE}_to_{WORLD}": _ego_transform(scenario.ego_trajectory.at(np.array(time_s)))},
            },
            "objects": {str(index): {"object_data": values} for index, values in data.items()},
        }
        for index, values in data.items():
            for kind, entries in values.items():
                for entry in entries:
                    found[index].setdefault(entry["name"], (kind, []))[1].append(number)
    context = {"0": {"name": scenario.time_of_day, "type": "time_of_day"}} if scenario.time_of_day else {}
    return {
        "openlabel": {
            "metadata": {"schema_version": "1.0.0", "name": scenario.name, "annotator": "drivesim"},
            "coordinate_systems": _coordinate_systems(camera),
            "streams": {CAMERA: _stream(camera)},
            "contexts": context,
            "objects": {
                str(index): {
                    "name": f"{vehicle.category}_{index}" if scene is None else scene.id_of(index),
                    "type": vehicle.category,
                    **_pointers(found[index]),
                }
                for index, vehicle in enumerate(vehicles)
            },
            "frames": frames,
            "frame_intervals": _intervals(list(range(len(frames)))),
        }
    }


def _of_actors(scene: Scene, time_s: float) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """Returns the object data of one frame by actor: cuboids of all, and boxes of those in front of the camera."""
    time = np.array(time_s)
    ego = scene.ego.at(time)
    data: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for index, (actor, trajectory) in enumerate(zip(scene.actors, scene.trajectories, strict=True)):
        if not scene.present(index, time):
            continue
        pose = trajectory.at(time)
        length, width, height = actor.size_m
        middle = np.array([[*pose.position_m, height / 2]])
        [place] = seen_from(middle, ego.position_m, ego.heading_rad) @ _ROAD_TO_ISO
        heading = float(pose.heading_rad - ego.heading_rad)
        values = [*map(float, place), 0.0, 0.0, heading, length, width, height]
        data[index] = {
            "cuboid": [{"name": "cuboid", "val": values, "coordinate_system": VEHICLE}],
            "num": [{"name": "speed_mps", "val": float(pose.speed_mps)}],
        }
    for view in scene.views(time_s):
        data[view.index] |= _of_view(view)
        data[view.index]["num"].append({"name": "distance_m", "val": view.distance_m})
    return data


def _of_view(view: ActorView) -> dict[str, list[dict[str, Any]]]:
    boxes = [_bbox("amodal", view.amodal_box)]
    if view.visible_box is not None:
        visible = _bbox("visible", view.visible_box)
        visible["attributes"] = {"num": [{"name": "visible_fraction", "val": view.visible_fraction}]}
        boxes.insert(0, visible)
    return {"bbox": boxes, "boolean": [{"name": "told", "val": view.may_be_requested}]}


def _of_boxes(scenario: Scenario) -> dict[int, dict[str, list[dict[str, Any]]]]:
    layout = scenario.layout()
    if layout is None:
        return {}
    requested = {"boolean": [{"name": "told", "val": True}]}
    boxes = layout.xyxy * FRAME_EXTENT_PX
    return {index: {"bbox": [_bbox("visible", box)], **requested} for index, box in enumerate(boxes)}


def _bbox(name: str, box: tuple[float, ...] | np.ndarray) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return {"name": name, "val": [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], "coordinate_system": CAMERA}


def _pointers(found: dict[str, tuple[str, list[int]]]) -> dict[str, Any]:
    """Returns the frames in which an object, and each part of its data, is present."""
    everywhere = sorted({number for _, numbers in found.values() for number in numbers})
    pointers = {name: {"type": kind, "frame_intervals": _intervals(numbers)} for name, (kind, numbers) in found.items()}
    return {"frame_intervals": _intervals(everywhere), "object_data_pointers": pointers}


def _intervals(numbers: list[int]) -> list[dict[str, int]]:
    """Returns closed intervals that cover ascending frame numbers."""
    intervals: list[dict[str, int]] = []
    for number in numbers:
        if intervals and intervals[-1]["frame_end"] == number - 1:
            intervals[-1]["frame_end"] = number
        else:
            intervals.append({"frame_start": number, "frame_end": number})
    return intervals


def _coordinate_systems(camera: PinholeCamera) -> dict[str, Any]:
    """Returns the axes of world, ego and camera; the camera looks along its z, its x points right and its y down."""
    cos, sin = float(np.cos(camera.pitch_rad)), float(np.sin(camera.pitch_rad))
    # The columns are the camera's right, down and forward axes and its position, each in the ego's axes.
    pose = [0.0, sin, cos, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -cos, sin, camera.height_m, 0.0, 0.0, 0.0, 1.0]
    return {
        WORLD: {"type": "scene_cs", "parent": "", "children": [VEHICLE]},
        VEHICLE: {"type": "local_cs", "parent": WORLD, "children": [CAMERA]},
        CAMERA: {"type": "sensor_cs", "parent": VEHICLE, "pose_wrt_parent": {"matrix4x4": pose}},
    }


def _stream(camera: PinholeCamera) -> dict[str, Any]:
    focal = float(camera.focal_length_px)
    matrix = [focal, 0.0, camera.width_px / 2, 0.0, 0.0, focal, camera.height_px / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    intrinsics = {"width_px": camera.width_px, "height_px": camera.height_px, "camera_matrix": matrix}
    return {
        "type": "camera",
        "description": "The camera of the ego, a pinhole without distortion.",
        "stream_properties": {"intrinsics_pinhole": intrinsics | {"distortion_coeffs": [0.0] * 5}},
    }


def _ego_transform(ego: Poses) -> dict[str, Any]:
    cos, sin = float(np.cos(ego.heading_rad)), float(np.sin(ego.heading_rad))
    forward, left, _ = (float(part) for part in np.array([*ego.position_m, 0.0]) @ _ROAD_TO_ISO)
    matrix = [cos, -sin, 0.0, forward, sin, cos, 0.0, left, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    return {"src": VEHICLE, "dst": WORLD, "transform_src_to_dst": {"matrix4x4": matrix}}
