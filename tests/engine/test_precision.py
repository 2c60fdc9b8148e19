"""bfloat16 keeps the promises of float32: the same bits alone, with others, after a resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivesim.engine import Engine, EngineSettings, ResumePoint, Window, fast, quality
from drivesim.errors import InputError
from drivesim.scenario import Scenario

BFLOAT16 = replace(fast(), precision="bfloat16")


@pytest.fixture(scope="module")
def windows(engine: Engine, scenario: Scenario) -> list[Window]:
    return list(engine.rollout(scenario, settings=BFLOAT16))


def test_it_differs_a_little_and_gives_float32(engine: Engine, scenario: Scenario, windows: list[Window]) -> None:
    reference = next(engine.rollout(scenario))
    latents = windows[0].keyframe_latents
    assert latents.dtype == np.float32
    assert not np.array_equal(latents, reference.keyframe_latents)
    assert np.abs(latents - reference.keyframe_latents).mean() < 0.1 * reference.keyframe_latents.std()
    difference = np.abs(windows[0].frames.astype(int) - reference.frames.astype(int))
    assert 0 < difference.mean() < 4


def test_a_resumed_rollout_is_the_same_bits(engine: Engine, scenario: Scenario, windows: list[Window]) -> None:
    resume = ResumePoint(2, windows[1].keyframe_latents)
    (again,) = engine.rollout(scenario, resume=resume, settings=BFLOAT16)
    assert np.array_equal(again.keyframe_latents, windows[2].keyframe_latents)
    assert np.array_equal(again.frames, windows[2].frames)


def test_an_engine_that_also_made_float32_is_the_same_bits_as_another(
    tiny_checkpoints: Path, engine: Engine, scenario: Scenario, windows: list[Window]
) -> None:
    before = engine.compose(scenario)
    again = next(Engine.load(tiny_checkpoints).rollout(scenario, settings=BFLOAT16))
    assert np.array_equal(again.keyframe_latents, windows[0].keyframe_latents)
    assert np.array_equal(again.frames, windows[0].frames)
    assert np.array_equal(engine.compose(scenario), before)


def test_a_future_does_not_depend_on_those_made_before_it(
    engine: Engine, scenario: Scenario, windows: list[Window]
) -> None:
    other = engine.future(scenario, 1, settings=BFLOAT16).predict(0, None).latents
    again = engine.future(scenario, settings=BFLOAT16).predict(0, None).latents
    assert not np.array_equal(other, again)
    assert np.array_equal(again, windows[0].keyframe_latents)


def test_frames_can_have_a_precision_of_their_own(engine: Engine, scenario: Scenario) -> None:
    reference = next(engine.rollout(scenario))
    mixed = next(engine.rollout(scenario, settings=replace(fast(), frames_precision="bfloat16")))
    assert np.array_equal(mixed.keyframe_latents, reference.keyframe_latents)
    assert not np.array_equal(mixed.frames, reference.frames)


def test_an_unknown_precision_is_refused() -> None:
    for change in ({"precision": "float16"}, {"frames_precision": "int8"}):
        with pytest.raises(InputError, match="use float32 or bfloat16"):
            replace(fast(), **change)


@pytest.mark.parametrize("settings", [fast(), quality(), replace(fast(), frames_precision="float32")])
def test_float32_has_the_identity_from_before_there_was_a_choice(settings: EngineSettings) -> None:
    assert {"precision", "frames_precision"}.isdisjoint(settings.canonical())


def test_other_precisions_are_part_of_the_identity() -> None:
    assert BFLOAT16.canonical()["precision"] == "bfloat16"
    assert replace(fast(), frames_precision="bfloat16").canonical()["frames_precision"] == "bfloat16"
    both = replace(BFLOAT16, frames_precision="bfloat16")
    assert both.canonical() == BFLOAT16.canonical()
