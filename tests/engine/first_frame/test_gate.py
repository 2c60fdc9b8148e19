from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.detection.detections import Detections
from drivesim.engine import Engine, fast
from drivesim.engine.conditions import first_frame_conditions
from drivesim.engine.first_frame.gate import gated
from drivesim.engine.making import Making, made
from drivesim.errors import CheckpointError, InputError
from drivesim.models.checkpoints import VEHICLE_DETECTOR, build, save_checkpoint, write_manifest
from drivesim.models.presets import tiny
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout

BOXES = np.array([[0.1, 0.4, 0.3, 0.7], [0.5, 0.4, 0.7, 0.7]], np.float32)
LAYOUT = SceneLayout(BOXES, np.array([0, 2]))


def _seen(*indices: int) -> Detections:
    kept = list(indices)
    return Detections(BOXES[kept], LAYOUT.category[kept], np.full(len(kept), 0.8, np.float32))


def _in_steps(attempt: int) -> Making[int]:
    yield 0.5
    yield 1.0
    return attempt


def test_the_best_attempt_is_kept_and_the_others_are_recorded() -> None:
    readings = [_seen(), _seen(1), _seen(0), _seen()]
    choice = made(gated(LAYOUT, _in_steps, lambda attempt: readings[attempt], 4))
    assert choice.kept == choice.sample == 1  # the first of the two that found one
    assert len(choice.attempts) == 4
    record = json.loads(json.dumps(choice.record()))
    assert [attempt["kept"] for attempt in record["attempts"]] == [False, True, False, False]
    assert record["attempts"][1]["outcome"] == ["missing", "found"]
    assert [vehicle["category"] for vehicle in record["requested"]] == ["car", "truck"]
    assert record["attempts"][2]["detected"][0]["category"] == "car"
    assert "score" not in record["requested"][0]


def test_a_perfect_attempt_ends_the_search() -> None:
    readings = [_seen(), _seen(0, 1), _seen(0, 1)]
    choice = made(gated(LAYOUT, _in_steps, lambda attempt: readings[attempt], 5))
    assert len(choice.attempts) == 2
    assert choice.kept == 1


def test_progress_rises_from_attempt_to_attempt() -> None:
    assert list(gated(LAYOUT, _in_steps, lambda _: _seen(), 2)) == [0.25, 0.5, 0.75, 1.0]


def test_no_attempt_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        made(gated(LAYOUT, _in_steps, lambda n: _seen(), 0))


@pytest.fixture(scope="module")
def with_detector(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("gate") / "tiny"
    shutil.copytree(tiny_checkpoints, folder)
    torch.manual_seed(0)
    save_checkpoint(folder / "vehicle_detector.safetensors", build(VEHICLE_DETECTOR, tiny()), VEHICLE_DETECTOR)
    write_manifest(folder, tiny())
    return Engine.load(folder)


def test_a_gate_that_sees_nothing_keeps_what_compose_makes(with_detector: Engine, scenario: Scenario) -> None:
    frame, choice = with_detector.compose_gated(scenario, 2)
    assert choice.kept == 0
    assert len(choice.attempts) == 2
    assert np.array_equal(frame, with_detector.compose(scenario))


def test_attempts_are_different_pictures(with_detector: Engine, scenario: Scenario) -> None:
    conditions = first_frame_conditions(scenario)
    one, other = (with_detector.compose_many(conditions, [3], enlarge=False, attempts=[n]) for n in (0, 1))
    assert not np.array_equal(one, other)


def test_a_gated_rollout_begins_with_the_best_attempt(tiny_checkpoints_with_detector: Path, scenario: Scenario) -> None:
    engine, settings = Engine.load(tiny_checkpoints_with_detector), replace(fast(), gate_attempts=3)
    choices = ((seed, *engine.compose_gated(scenario, 3, seed)) for seed in range(9))
    seed, frame, choice = next(found for found in choices if found[2].kept)
    assert choice.attempts[choice.kept].score > choice.attempts[0].score
    assert np.array_equal(engine.compose(scenario, seed, settings), frame)
    for future in (0, 1):
        predicted = engine.future(scenario, future, seed, settings).predict(0, None)
        assert np.array_equal(predicted.latents[0], choice.sample.numpy())
        assert predicted.gate == choice.record()
    assert engine.future(scenario, 1, seed, settings).predict(1, predicted.latents).gate is None
    plain = engine.future(scenario, seed=seed).predict(0, None)
    assert plain.gate is None
    assert not np.array_equal(plain.latents[0], choice.sample.numpy())
    assert next(engine.rollout(scenario, seed, settings=settings)).gate == choice.record()


def test_a_gate_needs_boxes_and_a_detector(engine: Engine, with_detector: Engine, scenario: Scenario) -> None:
    with pytest.raises(CheckpointError, match="drivesim train vehicle_detector"):
        engine.compose_gated(scenario, 2)
    with pytest.raises(InputError, match="give `boxes`"):
        with_detector.compose_gated(scenario.model_copy(update={"boxes": None}), 2)
    settings = replace(fast(), gate_attempts=2)
    with pytest.raises(CheckpointError, match="drivesim train vehicle_detector"):
        engine.future(scenario, settings=settings).predict(0, None)
    with pytest.raises(InputError, match="give `boxes`"):
        with_detector.future(scenario.model_copy(update={"boxes": None}), settings=settings).predict(0, None)
    with pytest.raises(InputError, match="at least one attempt, got 0"):
        replace(fast(), gate_attempts=0)
