"""nuScenes tables as their documentation describes them, against numbers that are worked out by hand here."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivesim.data.ingest.formats.nuscenes import recordings
from drivesim.data.ingest.recording import Recording
from drivesim.errors import FootageError

HEIGHT, WIDTH, FOCAL = 900, 1600, 1000.0
MOUNT_M = (1.7, 0.0, 1.5)
START_US = 1_533_151_603_512_404
HALF = math.sqrt(0.5)


def quaternion_about_z(angle: float) -> list[float]:
    return [math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)]


def tables(description: str = "Parked truck, rain", visibility: str = "4") -> dict[str, list[dict[str, Any]]]:
    """A scene of two samples 0.5 s apart and a sweep in the middle; the ego drives west at 10 m/s and turns left.

    At the sweep the ego is at (-5, 0), looking west. A car and a truck stand 20 m and 32 m in front of the camera.
    """
    stamps = [START_US, START_US + 250_000, START_US + 500_000]
    yaw = [math.pi - 0.05, math.pi, math.pi + 0.05]
    poses = [
        {
            "token": f"pose{i}",
            "timestamp": stamp,
            "rotation": quaternion_about_z(a),
            "translation": [-10 * 0.25 * i, 0, 0],
        }
        for i, (stamp, a) in enumerate(zip(stamps, yaw, strict=True))
    ]
    poses += [{**poses[0], "token": "pose_of_lidar", "translation": [99, 99, 0]}]
    data = {
        "height": HEIGHT,
        "width": WIDTH,
        "fileformat": "jpg",
        "calibrated_sensor_token": "front_mount",
        "prev": "",
        "next": "",
    }
    pictures = [
        {
            **data,
            "token": "d0",
            "sample_token": "s0",
            "ego_pose_token": "pose0",
            "timestamp": stamps[0],
            "is_key_frame": True,
            "filename": "samples/CAM_FRONT/0.jpg",
        },
        {
            **data,
            "token": "d1",
            "sample_token": "s1",
            "ego_pose_token": "pose1",
            "timestamp": stamps[1],
            "is_key_frame": False,
            "filename": "sweeps/CAM_FRONT/1.jpg",
        },
        {
            **data,
            "token": "d2",
            "sample_token": "s1",
            "ego_pose_token": "pose2",
            "timestamp": stamps[2],
            "is_key_frame": True,
            "filename": "samples/CAM_FRONT/2.jpg",
        },
        {
            **data,
            "token": "l0",
            "sample_token": "s0",
            "ego_pose_token": "pose_of_lidar",
            "timestamp": stamps[0],
            "is_key_frame": True,
            "filename": "samples/LIDAR_TOP/0.bin",
            "calibrated_sensor_token": "lidar_mount",
        },
    ]
    annotation = {
        "visibility_token": visibility,
        "attribute_tokens": [],
        "prev": "",
        "next": "",
        "num_lidar_pts": 9,
        "num_radar_pts": 0,
    }
    # Size is width, length, height. The car moves from 1 m to the right of the axis to 1 m to the left of it (the ego
    # looks west, so north is to its right). It is turned by half a circle plus or minus a little: x to the west.
    car = {**annotation, "instance_token": "car", "size": [2.0, 4.0, 1.5]}
    place = [-5 * 0.5 - MOUNT_M[0] - 20 - 2, 1.0, 0.75]
    truck = {**annotation, "instance_token": "truck", "size": [2.5, 8.0, 3.0], "rotation": quaternion_about_z(math.pi)}
    annotations = [
        {
            **car,
            "token": "a0",
            "sample_token": "s0",
            "translation": place,
            "rotation": quaternion_about_z(math.pi - 0.2),
        },
        {
            **car,
            "token": "a1",
            "sample_token": "s1",
            "translation": [place[0], -1.0, 0.75],
            "rotation": quaternion_about_z(-math.pi + 0.2),
        },
        *(
            {**truck, "token": f"t{i}", "sample_token": f"s{i}", "translation": [place[0] + 2 - 12 - 4, -4.0, 1.5]}
            for i in (0, 1)
        ),
        {
            **car,
            "token": "unseen",
            "instance_token": "ghost",
            "sample_token": "s0",
            "translation": place,
            "rotation": quaternion_about_z(0),
            "num_lidar_pts": 0,
        },
        {
            **car,
            "token": "person",
            "instance_token": "walker",
            "sample_token": "s0",
            "translation": place,
            "rotation": quaternion_about_z(0),
        },
    ]
    return {
        "scene": [{"token": "scene", "name": "scene-0061", "description": description, "nbr_samples": 2}],
        "sample": [
            {"token": f"s{i}", "timestamp": stamp, "scene_token": "scene", "prev": "", "next": ""}
            for i, stamp in enumerate((stamps[0], stamps[2]))
        ],
        "sensor": [
            {"token": "front", "channel": "CAM_FRONT", "modality": "camera"},
            {"token": "lidar", "channel": "LIDAR_TOP", "modality": "lidar"},
        ],
        "calibrated_sensor": [
            {
                "token": "front_mount",
                "sensor_token": "front",
                "translation": list(MOUNT_M),
                # Camera axes in the ego's: x to the right is -y, y down is -z, z forward is x.
                "rotation": [0.5, -0.5, 0.5, -0.5],
                "camera_intrinsic": [[FOCAL, 0, 800], [0, FOCAL, 450], [0, 0, 1]],
            },
            {
                "token": "lidar_mount",
                "sensor_token": "lidar",
                "translation": [0, 0, 2],
                "rotation": [1, 0, 0, 0],
                "camera_intrinsic": [],
            },
        ],
        "ego_pose": poses,
        "sample_data": pictures,
        "category": [
            {"token": "c", "name": "vehicle.car"},
            {"token": "t", "name": "vehicle.truck"},
            {"token": "p", "name": "human.pedestrian.adult"},
        ],
        "instance": [
            {"token": "car", "category_token": "c"},
            {"token": "truck", "category_token": "t"},
            {"token": "ghost", "category_token": "c"},
            {"token": "walker", "category_token": "p"},
        ],
        "sample_annotation": annotations,
    }


def write(folder: Path, content: dict[str, list[dict[str, Any]]]) -> Path:
    (folder / "v1.0-mini").mkdir(parents=True)
    for name, rows in content.items():
        (folder / "v1.0-mini" / f"{name}.json").write_text(json.dumps(rows, indent=0))
    return folder


def the_scene(tmp_path: Path, **options: str) -> Recording:
    (recording,) = recordings(write(tmp_path / "nuscenes", tables(**options)))
    return recording


def test_frames_are_those_of_the_camera_in_front(tmp_path: Path) -> None:
    recording = the_scene(tmp_path)
    assert recording.name == "scene-0061"
    assert [path.name for path in recording.media.paths] == ["0.jpg", "1.jpg", "2.jpg"]
    assert recording.media.paths[1] == tmp_path / "nuscenes" / "sweeps" / "CAM_FRONT" / "1.jpg"
    assert recording.media.times_s == pytest.approx([0, 0.25, 0.5], abs=1e-9)


def test_ego_motion_is_that_of_the_poses(tmp_path: Path) -> None:
    """Ten metres a second; the heading passes half a circle, and the yaw rate does not jump there."""
    motion = the_scene(tmp_path).ego_motion
    assert motion.speed_mps[1] == pytest.approx(10, rel=1e-6)
    assert motion.yaw_rate_radps == pytest.approx([0.2, 0.2, 0.2])


def test_camera(tmp_path: Path) -> None:
    camera = the_scene(tmp_path).camera
    assert (camera.focal_px, camera.vertical_centre_px) == (FOCAL, 450)
    assert camera.height_m == MOUNT_M[2]
    assert camera.pitch_rad == pytest.approx(0, abs=1e-9)


def test_boxes_between_key_frames(tmp_path: Path) -> None:
    """At the sweep the car has come to the axis and stands straight, by the shorter turn through half a circle.

    Its rear face, 2 m wide and from the road to 1.5 m, is 20 m in front of the camera, which is 1.5 m high.
    """
    car, truck = the_scene(tmp_path).vehicles[1]
    assert car.category == "car"
    assert car.distance_m == pytest.approx(20, abs=1e-6)
    half = FOCAL * 1.0 / 20
    # The top of the car is as high as the camera, so that it lies on the horizon.
    assert car.box == pytest.approx((800 - half, 450, 800 + half, 450 + FOCAL * 1.5 / 20), abs=1e-6)
    assert car.visible_fraction == pytest.approx(1)
    # The truck is 4 m to the south, that is to the left of an ego that looks west; 32 m away, from 1.5 m below the
    # camera to 1.5 m above it. Its near face alone bounds it below and above.
    assert truck.category == "truck"
    left = 800 - FOCAL * (4 + 1.25) / 32
    assert truck.amodal_box[0] == pytest.approx(left, abs=1e-6)
    assert truck.amodal_box[1] == pytest.approx(450 - FOCAL * 1.5 / 32, abs=1e-6)
    assert truck.amodal_box[3] == pytest.approx(450 + FOCAL * 1.5 / 32, abs=1e-6)
    assert truck.amodal_box[2] == pytest.approx(800 - FOCAL * (4 - 1.25) / 40, abs=1e-6)


def test_key_frames_have_their_own_boxes(tmp_path: Path) -> None:
    """The car is one metre to the north at first, which is to the right, and one metre to the left at last."""
    recording = the_scene(tmp_path)
    for number, side in ((0, 1), (2, -1)):
        car = next(vehicle for vehicle in recording.vehicles[number] if vehicle.category == "car")
        assert len(recording.vehicles[number]) == 2, "neither the one that no sensor saw, nor a pedestrian"
        # The ego has turned by 0.05 to the right and to the left of west.
        middle = (car.box[0] + car.box[2]) / 2
        assert np.sign(middle - 800 - FOCAL * math.tan(-side * 0.05)) == side
    tracks = [{v.category: v.track_id for v in recording.vehicles[number]} for number in range(3)]
    assert tracks[0] == tracks[1] == tracks[2]


def test_the_annotators_visibility_counts(tmp_path: Path) -> None:
    car, _ = the_scene(tmp_path, visibility="1").vehicles[1]
    assert car.visible_fraction == pytest.approx(0.2)


@pytest.mark.parametrize(("description", "time_of_day"), [("Night, big street", "night"), ("Wait at crossing", None)])
def test_night_is_in_the_description(tmp_path: Path, description: str, time_of_day: str | None) -> None:
    assert the_scene(tmp_path, description=description).time_of_day == time_of_day


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    content = tables()
    del content["ego_pose"][1]
    with pytest.raises(FootageError, match=r"ego_pose\.json: 1 poses that pictures refer to are missing"):
        list(recordings(write(tmp_path / "a", content)))
    content = tables()
    content["sample_data"][1]["filename"] = "../../secret.jpg"
    with pytest.raises(FootageError, match="outside the data set"):
        list(recordings(write(tmp_path / "b", content)))
    content = tables()
    del content["sample_annotation"][0]["size"]
    with pytest.raises(FootageError, match="expected the field `size`"):
        list(recordings(write(tmp_path / "c", content)))
    with pytest.raises(FootageError, match="expected one folder of nuScenes tables"):
        list(recordings(tmp_path))


def test_twelve_pictures_a_second_with_one_missing(footage, converted) -> None:
    content = tables()
    template, pose = content["sample_data"][1], content["ego_pose"][1]
    content["sample_data"], content["ego_pose"] = [], []
    for number in range(24):
        name, stamp = f"sweeps/CAM_FRONT/{number}.jpg", START_US + number * 83_333
        content["ego_pose"].append({**pose, "token": f"p{number}", "timestamp": stamp})
        content["sample_data"].append(
            {**template, "token": f"x{number}", "timestamp": stamp, "filename": name, "ego_pose_token": f"p{number}"}
        )
        if number != 15:
            footage.picture(name, number, HEIGHT // 2, WIDTH // 2)
    logs = converted(recordings(write(footage.folder, content)))
    assert [log.num_frames for log in logs] == [12, 6]
    assert all(log.labels.fps == 10 for log in logs)
    assert logs[1].labels.provenance.start_s == pytest.approx(16 * 0.083333, abs=1e-4)
