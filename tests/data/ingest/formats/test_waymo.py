"""Waymo Open v2: Parquet components with the columns that the data set's own code declares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.data.ingest.formats.waymo import recordings
from drivesim.errors import FootageError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

START, SEGMENT = 1_558_034_229_922_468, "1005081002024129653_5313_150_5333_150"
FRONT, LEFT = 1, 2


def write(folder: Path, component: str, rows: list[dict]) -> None:
    path = folder / component / f"{SEGMENT}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=5)


def key(number: int, camera: int | None = None) -> dict:
    made = {"key.segment_context_name": SEGMENT, "key.frame_timestamp_micros": START + 100_000 * number}
    return made if camera is None else {**made, "key.camera_name": camera}


@pytest.fixture
def split(footage) -> Path:
    folder = footage.folder / "training"
    pictures = [footage.picture(f"{number}.jpg", number).read_bytes() for number in range(12)]
    images = [
        {**key(number, camera), "[CameraImageComponent].image": pictures[number] if camera == FRONT else b"other"}
        for number in reversed(range(12))
        for camera in (LEFT, FRONT)
    ]
    write(folder, "camera_image", images)
    box, prefix = (
        {"type": 1, "center.x": 100.0, "center.y": 60.0, "size.x": 40.0, "size.y": 20.0},
        "[CameraBoxComponent].",
    )
    named = {(prefix + name if name == "type" else f"{prefix}box.{name}"): value for name, value in box.items()}
    boxes = [{**key(3, FRONT), "key.camera_object_id": "a", **named}]
    boxes.append({**key(3, LEFT), "key.camera_object_id": "b", **named})
    boxes.append({**key(4, FRONT), "key.camera_object_id": "p", **named, f"{prefix}type": 2})
    boxes.append({**key(5, FRONT), "key.camera_object_id": "a", **named, f"{prefix}box.center.x": 110.0})
    write(folder, "camera_box", boxes)
    poses = []
    for number in range(12):
        yaw = 0.03 * number
        pose = np.eye(4)
        pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
        # Along a circle of 40 m: 12 m/s at 0.3 rad/s.
        pose[:2, 3] = [40 * np.sin(yaw), 40 * (1 - np.cos(yaw))]
        poses.append({**key(number), "[VehiclePoseComponent].world_from_vehicle.transform": pose.ravel().tolist()})
    write(folder, "vehicle_pose", poses)
    mount = np.eye(4)
    mount[:3, 3] = [1.5, 0, 2.1]
    prefix = "[CameraCalibrationComponent]."
    intrinsic = {
        f"{prefix}intrinsic.{n}": v for n, v in (("f_u", 300.0), ("f_v", 300.0), ("c_u", 160.0), ("c_v", 80.0))
    }
    calibration = {**intrinsic, f"{prefix}extrinsic.transform": mount.ravel().tolist()}
    write(folder, "camera_calibration", [{"key.camera_name": camera, **calibration} for camera in (LEFT, FRONT)])
    write(folder, "stats", [{**key(0), "[StatsComponent].time_of_day": "Dawn/Dusk"}])
    return folder


def test_a_segment(split: Path, converted) -> None:
    (recording,) = recordings(split)
    assert recording.name == SEGMENT
    assert recording.media.times_s == pytest.approx([0.1 * number for number in range(12)])
    (car,) = recording.vehicles[3]
    assert (car.category, car.box) == ("car", (80, 50, 120, 70))
    assert recording.vehicles[4] == ()
    assert recording.vehicles[5][0].track_id == car.track_id
    assert recording.ego_motion.yaw_rate_radps == pytest.approx([0.3] * 12)
    assert recording.ego_motion.speed_mps[1:-1] == pytest.approx([12] * 10, rel=1e-3)
    assert (recording.camera.height_m, recording.camera.pitch_rad) == (2.1, 0)
    (log,) = converted([recording])
    assert log.num_frames == 12
    assert log.labels.time_of_day is None, "dusk is neither, however bright it is"
    assert log.labels.frames[5].vehicles[0].box == pytest.approx((90, 50, 130, 70))


def test_the_pictures_are_in_the_order_of_their_times(split: Path, converted, footage) -> None:
    (log,) = converted(recordings(split))
    for number in (0, 7):
        assert np.abs(log.read(number, number + 1)[0].astype(int) - footage.frame(number)).mean() < 6


def test_missing_components_are_unknown(split: Path) -> None:
    for component in ("camera_box", "vehicle_pose", "stats", "camera_calibration"):
        (split / component / f"{SEGMENT}.parquet").unlink()
    (recording,) = recordings(split)
    assert (recording.vehicles, recording.ego_motion, recording.time_of_day, recording.camera) == (None,) * 4


def test_broken_files_are_named(split: Path) -> None:
    (split / "camera_box" / f"{SEGMENT}.parquet").write_bytes(b"PAR1 nothing PAR1")
    (rejected,) = recordings(split)
    assert "camera_box" in rejected.reason
    with pytest.raises(FootageError, match="expected a split of Waymo Open v2"):
        list(recordings(split.parent))
