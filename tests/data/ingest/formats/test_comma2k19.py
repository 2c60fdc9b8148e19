"""comma2k19: a bare stream whose times, speed and turning are in arrays beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.data.ingest.formats.comma2k19 import recordings
from drivesim.data.ingest.recording import Rejected

BOOT_S = 46408.5


def write_array(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        np.save(file, values)


@pytest.fixture
def segment(footage) -> Path:
    folder = footage.folder / "Chunk_1" / "b0c9d2329ad1606b|2018-08-02--08-34-47" / "40"
    footage.video(f"{folder.relative_to(footage.folder)}/video.hevc", 40, codec="libx265", format="hevc")
    write_array(folder / "global_pose" / "frame_times", BOOT_S + np.arange(40) / 20)
    # The sensors begin later and end earlier than the video, and have rates of their own.
    times = BOOT_S + 0.1 + np.arange(150) / 83
    write_array(folder / "processed_log" / "CAN" / "speed" / "t", times)
    write_array(folder / "processed_log" / "CAN" / "speed" / "value", (10 + (times - BOOT_S))[:, None])
    gyro = np.arange(180) / 100 + BOOT_S + 0.05
    write_array(folder / "processed_log" / "IMU" / "gyro" / "t", gyro)
    # Forward, right, down: a turn to the left is negative about the downward axis.
    write_array(folder / "processed_log" / "IMU" / "gyro" / "value", np.tile([0.5, 0.7, -0.2], (180, 1)))
    return folder


def test_a_segment(segment: Path, footage, converted) -> None:
    (recording,) = recordings(footage.folder)
    assert recording.name == "b0c9d2329ad1606b_2018-08-02--08-34-47_40"
    (log,) = converted([recording])
    assert (log.num_frames, log.labels.fps) == (20, 10)
    frames = log.labels.frames
    assert frames[5].ego_speed_mps == pytest.approx(10.5)
    assert frames[5].ego_yaw_rate_radps == pytest.approx(0.2)
    assert frames[0].ego_speed_mps is None, "the sensor had not begun"
    assert frames[19].ego_speed_mps == pytest.approx(11.9) or frames[19].ego_speed_mps is None
    assert log.labels.provenance.ego_motion == "measured"
    assert log.labels.camera.height_m is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("global_pose/frame_times", b"not an array", "no array as expected"),
        ("processed_log/CAN/speed/t", b"", "no array as expected"),
    ],
)
def test_broken_arrays_are_named(segment: Path, footage, name: str, content: bytes, message: str) -> None:
    (segment / name).write_bytes(content)
    (rejected,) = recordings(footage.folder)
    assert isinstance(rejected, Rejected)
    assert message in rejected.reason


def test_pickles_are_never_read(segment: Path, footage, tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "canary",)

    with open(segment / "global_pose" / "frame_times", "wb") as file:
        np.save(file, np.array([Canary()], object), allow_pickle=True)
    (rejected,) = recordings(footage.folder)
    assert isinstance(rejected, Rejected)
    assert not (tmp_path / "canary").exists()


def test_times_and_values_must_fit(segment: Path, footage) -> None:
    write_array(segment / "processed_log" / "CAN" / "speed" / "value", np.zeros(3))
    (rejected,) = recordings(footage.folder)
    assert "150 times, but values of shape (3, 1)" in rejected.reason
