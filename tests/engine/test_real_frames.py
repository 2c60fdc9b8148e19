"""Scenarios that start from real frames: pictures, and moments of drive logs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.data.drive_log import DriveLog, DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.engine import Engine
from drivesim.engine.real_frames import read_real_frame, read_real_frames
from drivesim.errors import FootageError, InputError, ScenarioError
from drivesim.scenario import Scenario, load_scenario


@pytest.fixture
def log(tmp_path: Path) -> DriveLog:
    """Two seconds at ten frames a second, each of another grey."""
    folder = tmp_path / "drive~000"
    with DriveLogWriter(folder, DriveLogLabels("test", 10.0, 256, 128)) as writer:
        for number in range(20):
            frame = np.full((128, 256, 3), 10 * number + 20, np.uint8)
            writer.write(frame, FrameLabel(number / 10, None, None, None))
    return DriveLog.open(folder)


def scenario_of(**fields: object) -> Scenario:
    return Scenario.model_validate({"format": 1, "name": "real", "duration_s": 1.0, **fields})


def test_a_moment_is_the_nearest_frame_of_the_log(log: DriveLog) -> None:
    for time_s, number in ((0, 0), (0.7, 7), (0.74, 7), (1.9, 19)):
        assert abs(int(read_real_frame(f"{log.folder}@{time_s}")[64, 128, 0]) - (10 * number + 20)) <= 2
    with pytest.raises(FootageError, match=r"asked for the frame at 9\.00 s"):
        read_real_frame(f"{log.folder}@9")


def test_known_keyframes_begin_the_future_bit_for_bit(engine: Engine, log: DriveLog) -> None:
    gap_s = 1 / engine.video.keyframe_fps
    frames = [f"{log.folder}@{0.2 + gap_s * number:.3f}" for number in range(2)]
    two, one = scenario_of(context_frames=frames), scenario_of(context_frames=frames[:1])
    known = engine.future(two).predict(0, None).latents[:2]
    assert np.array_equal(known[:1], engine.future(one).predict(0, None).latents[:1])
    assert np.array_equal(known[:1], engine.future(scenario_of(first_frame=frames[0])).predict(0, None).latents[:1])
    assert not np.array_equal(known[0], known[1])
    assert np.array_equal(engine.future(two, 1).predict(0, None).latents[:2], known)
    assert not np.array_equal(
        engine.future(two, 1).predict(0, None).latents[2:], engine.future(two).predict(0, None).latents[2:]
    )
    assert np.array_equal(engine.compose(two), engine.compose(one))
    assert engine.first_layout(two) is None


def test_frames_of_a_log_must_be_one_keyframe_apart(engine: Engine, log: DriveLog) -> None:
    scenario = scenario_of(context_frames=[f"{log.folder}@0", f"{log.folder}@1.9"])
    with pytest.raises(InputError, match=r"are 1\.9 s apart"):
        read_real_frames(scenario, engine.video.keyframe_fps)


def test_scenario_files_name_frames_beside_them(log: DriveLog, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "now.png"), np.full((128, 256, 3), 7, np.uint8))
    path = tmp_path / "real.yaml"
    path.write_text("format: 1\nname: real\ncontext_frames: [now.png, drive~000@0.4]\n")
    scenario = load_scenario(path)
    assert scenario.real_frames == (str(tmp_path / "now.png"), f"{log.folder}@0.4")
    assert read_real_frame(scenario.real_frames[0])[0, 0, 0] == 7
    digest = scenario.canonical()["context_frames"]
    other = scenario.model_copy(update={"context_frames": (scenario.real_frames[0], f"{log.folder}@0.5")})
    assert digest[0] == other.canonical()["context_frames"][0]
    assert digest[1] != other.canonical()["context_frames"][1]
    assert "context_frames" not in scenario_of(first_frame=str(tmp_path / "now.png")).canonical()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("context_frames: []", "1"),
        ("context_frames: [a.png, b.png, c.png]", "2"),
        ("context_frames: [nowhere@1.5]", "expected a drive log, a folder with labels.json and video.mp4"),
        ("context_frames: [nowhere.png]", "no such picture"),
        ("first_frame: nowhere@3", "expected a drive log"),
        ("boxes: []\ncontext_frames: [a.png]", "`boxes` already defines the first frame"),
        ("first_frame: a.png\ncontext_frames: [a.png]", "`first_frame` already defines the first frame"),
        ("actors: []\ncontext_frames: [a.png]", "`actors` already define the first frame"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(f"format: 1\nname: bad\n{lines}\n")
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}:")
