"""Steered boxes against detections. The detector of these tests is told what it finds, so that the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.archive import open_archive
from drivesim.detection.detections import Detections
from drivesim.engine import Engine
from drivesim.errors import InputError
from drivesim.evaluation import steering
from drivesim.evaluation.steering import steered_archives, steering_figures, steering_subject
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

LEAD = {"category": "car", "lane": 1, "distance_m": 14, "speed_mps": 10, "id": "lead"}
CUT_IN = {**LEAD, "id": "cutting", "lane": 0, "manoeuvres": [{"type": "cut_in", "start_s": 0.2, "duration_s": 2}]}


def _archive(out: Path, checkpoints: Path, *actors: dict) -> Path:
    given = {"format": 1, "name": "case", "actors": actors, "duration_s": 1.0, "road": {"ego_lane": 1}, "seed": 3}
    scenario = Scenario.model_validate({**given, "sampling": {"steps": 1}})
    job = RolloutJob(scenario, out, checkpoints, seed=3, futures=2, workers=1)
    list(run_rollout(job))
    return job.archive_path


@pytest.fixture(scope="module")
def steered(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _archive(tmp_path_factory.mktemp("steered"), checkpoints, {**LEAD, "distance_m": 30}, CUT_IN)


class _KnowingReader:
    """Finds what the scenario asks for, `shift` of the picture to the right, frame after frame of each future."""

    def __init__(self, archive: Path, shift: float) -> None:
        opened = open_archive(archive)
        scene = Scenario.model_validate(opened.provenance["scenario"], strict=False).scene
        frames = range(opened.rollouts[0].num_committed_frames)
        layouts = [scene.layout(number / opened.layout.fps) for number in frames] * len(opened.rollouts)
        moved = np.float32([shift, 0, shift, 0])
        self.found = iter([Detections(x.xyxy + moved, x.category, x.xyxy[:, 0]) for x in layouts])

    def __call__(self, detector: object, frames: np.ndarray) -> list[Detections]:
        return [next(self.found) for _ in frames]


@pytest.mark.parametrize(("shift", "rate"), [(0.0, 1.0), (0.5, 0.0)])
def test_vehicles_count_where_their_boxes_are(
    steered: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch, shift: float, rate: float
) -> None:
    monkeypatch.setattr(steering, "detect_vehicles", _KnowingReader(steered, shift))
    found = steering_figures(Engine.load(checkpoints), [steered], lambda *_: None)
    figures = {f.group: f for f in found if f.name == "found"}
    assert {f.value for f in figures.values()} == {rate}
    frames = open_archive(steered).rollouts[0].num_committed_frames
    assert figures["actors with a manoeuvre"].count == figures["case: cutting"].count == 2 * frames
    assert figures["other actors"].count == figures["case: lead"].count
    assert figures["second 1"].count == sum(figures[group].count for group in ("case: cutting", "case: lead"))


def test_the_subject_names_every_future(steered: Path) -> None:
    assert [*steering_subject([steered])] == ["case.zarr, future 0", "case.zarr, future 1"]


def test_a_scenario_without_manoeuvres_asks_for_nothing_over_time(checkpoints: Path, tmp_path: Path) -> None:
    placed = _archive(tmp_path, checkpoints, LEAD)
    with pytest.raises(InputError, match="no actor of its scenario has a manoeuvre"):
        list(steering_figures(Engine.load(checkpoints), [placed], lambda *_: None))
    assert steered_archives([placed])[0] == []


def test_archives_without_manoeuvres_are_left_out_by_name(steered: Path, checkpoints: Path, tmp_path: Path) -> None:
    placed = _archive(tmp_path, checkpoints, LEAD)
    kept, [sentence] = steered_archives([placed, steered])
    assert kept == [steered]
    assert sentence.startswith(f"{placed}: no actor")
    with pytest.raises(InputError, match="does not exist"):
        steered_archives([steered, tmp_path / "nowhere.zarr"])


@pytest.mark.parametrize(("shift", "overlap"), [(0.0, 1.0), (0.5, 0.0)])
def test_the_overlap_is_that_of_the_boxes(
    steered: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch, shift: float, overlap: float
) -> None:
    monkeypatch.setattr(steering, "detect_vehicles", _KnowingReader(steered, shift))
    figures = [f for f in steering_figures(Engine.load(checkpoints), [steered], lambda *_: None) if f.name == "iou"]
    assert figures
    assert [f.value for f in figures] == pytest.approx([overlap] * len(figures), abs=1e-5)
