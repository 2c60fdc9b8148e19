from __future__ import annotations

import json

import numpy as np
import pytest

from drivesim.data.drive_log import DriveLog, DriveLogWriter, find_drive_logs, recording_of, split_of
from drivesim.data.drive_log_labels import CameraLabel, DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.errors import FootageError

HEADER = DriveLogLabels(
    source="test", fps=10, width=64, height=32, seed=3, time_of_day="night", camera=CameraLabel(1.4, -0.02, 1.0)
)
NUM_FRAMES = 25


def picture(index: int) -> np.ndarray:
    rows, columns = np.mgrid[:32, :64]
    channels = [columns * 3 + index, rows * 5 + 2 * index, rows + columns + index]
    return np.stack(channels, -1).clip(0, 255).astype(np.uint8)


def label(index: int) -> FrameLabel:
    vehicle = VehicleLabel(1, "van", (1.0, 2.0, 30.0, 20.0), (-4.0, 2.0, 30.0, 20.0), 12.5, 0.75)
    return FrameLabel(index / 10, 8.5, -0.1, (vehicle,) if index % 2 else ())


@pytest.fixture
def folder(tmp_path):
    with DriveLogWriter(tmp_path / "log", HEADER) as writer:
        for index in range(NUM_FRAMES):
            writer.write(picture(index), label(index))
    return tmp_path / "log"


def test_labels_come_back_as_written(folder):
    log = DriveLog.open(folder)
    assert log.num_frames == NUM_FRAMES
    assert log.labels == HEADER.with_frames(tuple(label(index) for index in range(NUM_FRAMES)))


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (9, 13), (11, 12), (17, NUM_FRAMES)])
def test_a_slice_equals_the_full_decode(folder, start, stop):
    log = DriveLog.open(folder)
    whole = log.read(0, NUM_FRAMES)
    np.testing.assert_array_equal(log.read(start, stop), whole[start:stop])


def test_frames_stay_close_to_what_was_written(folder):
    frames = DriveLog.open(folder).read(0, NUM_FRAMES).astype(int)
    written = np.stack([picture(index) for index in range(NUM_FRAMES)]).astype(int)
    assert np.abs(frames - written).mean() < 4


@pytest.mark.parametrize("fps", [0.25, 2.5, 29.97, 40])
def test_any_frame_rate_keeps_frame_numbers(tmp_path, fps):
    header = DriveLogLabels(source="test", fps=fps, width=64, height=32)
    with DriveLogWriter(tmp_path / "log", header) as writer:
        for index in range(7):
            writer.write(picture(9 * index), FrameLabel(index / fps, 0, 0, ()))
    log = DriveLog.open(tmp_path / "log")
    np.testing.assert_array_equal(log.read(0, 7)[4:6], log.read(4, 6))
    assert np.abs(log.read(4, 5)[0].astype(int) - picture(36)).mean() < 4


def test_frames_outside_the_log_are_refused(folder):
    with pytest.raises(FootageError, match="20:30"):
        DriveLog.open(folder).read(20, 30)


def test_a_failed_write_leaves_nothing(tmp_path):
    writer = DriveLogWriter(tmp_path / "log", HEADER)
    writer.__enter__()
    writer.write(picture(0), label(0))
    writer.__exit__(RuntimeError, RuntimeError(), None)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_frame_is_refused(tmp_path):
    with DriveLogWriter(tmp_path / "log", HEADER) as writer, pytest.raises(FootageError, match="a uint8 frame"):
        writer.write(picture(0)[:16], label(0))


def test_an_existing_log_is_not_overwritten(folder):
    with pytest.raises(FootageError, match="exists already"), DriveLogWriter(folder, HEADER):
        pass


def test_find_skips_unfinished_logs(folder):
    (folder.parent / ".other.partial").mkdir()
    (folder.parent / ".other.partial" / "labels.json").write_text("{}")
    assert find_drive_logs(folder.parent) == [folder]
    assert find_drive_logs(folder) == [folder]


def test_an_empty_folder_has_no_drive_logs(tmp_path):
    with pytest.raises(FootageError, match="no drive logs"):
        find_drive_logs(tmp_path)


def test_the_split_follows_the_name():
    names = [f"world_{seed:08d}" for seed in range(2000)]
    held_out = [name for name in names if split_of(name) == "held_out"]
    assert 60 < len(held_out) < 140
    assert held_out == [name for name in names if split_of(name) == "held_out"]


def test_a_missing_video_is_named(folder):
    (folder / "video.mp4").unlink()
    with pytest.raises(FootageError, match=r"video\.mp4"):
        DriveLog.open(folder)


def test_a_broken_video_is_named(folder):
    (folder / "video.mp4").write_bytes(b"nothing")
    with pytest.raises(FootageError, match=r"video\.mp4"):
        DriveLog.open(folder).read(0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 4}, "format: this drivesim reads versions 1 to 3"),
        ({"fps": "fast"}, "labels.json: fps"),
        ({"colour": 1}, "labels.json: colour"),
        ({"frames": [{"time_s": 0}]}, r"frames\.0\.ego_speed_mps"),
    ],
)
def test_wrong_labels_name_file_and_field(folder, change, message):
    path = folder / "labels.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FootageError, match=message):
        DriveLog.open(folder)


def test_recordings_that_the_user_holds_out_are_the_only_ones() -> None:
    by_hash = next(name for i in range(1000) if split_of(name := f"world_{i}") == "held_out")
    assert split_of(by_hash, {"drive_4"}) == "train"
    assert split_of("drive_4~003", {"drive_4"}) == split_of("drive_4", {"drive_4"}) == "held_out"
    assert split_of("held_out_drive_2~000", {"drive_4"}) == "held_out"
    assert recording_of("held_out_drive_2~000") == "drive_2"
