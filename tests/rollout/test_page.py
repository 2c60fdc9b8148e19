"""The page of a rollout: it names its videos, holds the boxes of every frame, and escapes what it is given."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivesim.archive import open_archive
from drivesim.detection.detections import Detections
from drivesim.engine import Engine
from drivesim.rollout import frame_boxes
from drivesim.rollout.frame_boxes import with_boxes
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.page import PAGE_FILE, write_page
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

LEAD = {"category": "car", "distance_m": 20, "manoeuvres": [{"type": "brake", "speed_mps": 8}]}


@pytest.fixture(scope="module")
def job(tiny_checkpoints_with_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> RolloutJob:
    """Two futures of a steered scene, of which one is made."""
    scenario = Scenario.model_validate(
        {"format": 1, "name": "lead", "actors": [LEAD], "duration_s": 0.5, "sampling": {"steps": 1}}
    )
    out = tmp_path_factory.mktemp("page")
    job = RolloutJob(scenario, out, tiny_checkpoints_with_detector, seed=5, futures=2, only=1)
    list(run_rollout(job, Engine.load(job.checkpoints)))
    return job


@pytest.fixture(scope="module")
def detections(job: RolloutJob) -> list[Detections]:
    """In each frame a truck where the car is requested."""
    layouts = [job.scenario.layout_at(number / 10) for number in range(5)]
    return [Detections(layout.xyxy, np.array([2]), np.array([0.75])) for layout in layouts]


def _data(path: Path) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.DOTALL)[1])


def test_a_page_shows_the_complete_futures_with_their_boxes_and_checks(
    job: RolloutJob, detections: list[Detections], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter(detections)
    monkeypatch.setattr(frame_boxes, "detect_vehicles", lambda detector, frames: [next(found)])
    path = write_page(job, "drivesim rollout '<a>.yaml' --seed 5")
    assert path == job.preview_folder / PAGE_FILE
    text, data = path.read_text(), _data(path)
    videos = re.findall(r'<video src="([^"]*)" poster="([^"]*)"', text)
    assert videos == [("future_01.mp4", "future_01.png")]
    assert all((path.parent / file).is_file() for video in videos for file in video)
    assert "drivesim rollout &#39;&lt;a&gt;.yaml&#39; --seed 5" in text
    assert "1 of 2 windows committed" in text
    assert "a vehicle is detected in 5 of 5 requested boxes" in text
    height, width, _ = open_archive(job.archive_path).layout.frame_shape
    assert (data["fps"], data["frames"], data["size"]) == (10, 5, [width, height])
    expected = (job.scenario.layout_at(0.3).xyxy[0] * [width, height, width, height]).round().tolist()
    assert data["requested"][3] == [[*expected, "car"]]
    assert data["detected"] == [[[[*row[0][:4], "truck", "0.75"]] for row in data["requested"]]]


def test_a_page_is_written_again_only_if_the_archive_has_grown(job: RolloutJob) -> None:
    write_page(job, "a")
    assert write_page(job, "b") is None
    list(run_rollout(replace(job, only=0), Engine.load(job.checkpoints)))
    path = write_page(job, "c")
    assert path is not None
    assert len(_data(path)["detected"]) == 2


def test_boxes_are_drawn_on_a_copy(job: RolloutJob, detections: list[Detections], monkeypatch) -> None:
    found = iter(detections)
    monkeypatch.setattr(frame_boxes, "detect_vehicles", lambda detector, frames: [next(found)])
    frames = open_archive(job.archive_path).rollouts[1].frames[:2]
    for with_detector in (None, object()):
        drawn = [frame.drawn() for frame in with_boxes(frames, job.scenario, 10, with_detector)]
        assert [picture.shape for picture in drawn] == [frame.shape for frame in frames]
        assert all((picture != frame).any() for picture, frame in zip(drawn, frames, strict=True))
    np.testing.assert_array_equal(frames, open_archive(job.archive_path).rollouts[1].frames[:2])
