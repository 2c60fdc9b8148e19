from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from drivesim.engine import Engine, ResumePoint, Window, frame_findings, quality
from drivesim.errors import CheckpointError
from drivesim.scenario import Scenario


@pytest.fixture(scope="module")
def windows(engine: Engine, scenario: Scenario) -> list[Window]:
    return list(engine.rollout(scenario))


def test_windows_hold_all_frames(windows: list[Window]) -> None:
    assert [window.index for window in windows] == [0, 1, 2]
    assert [window.frames.shape for window in windows] == [(24, 128, 256, 3), (24, 128, 256, 3), (7, 128, 256, 3)]
    assert all(window.frames.dtype == np.uint8 for window in windows)
    assert all(window.keyframe_latents.shape == (8, 8, 4, 8) for window in windows)
    assert all(window.keyframe_latents.dtype == np.float32 for window in windows)


def test_windows_go_on_from_the_last_two_keyframes_in_latents(windows: list[Window]) -> None:
    for before, after in itertools.pairwise(windows):
        assert np.array_equal(before.keyframe_latents[-2:], after.keyframe_latents[:2])


def test_a_resumed_rollout_is_the_same_bits(engine: Engine, scenario: Scenario, windows: list[Window]) -> None:
    for stop in (1, 2):
        resume = ResumePoint(stop, windows[stop - 1].keyframe_latents)
        for again, whole in zip(engine.rollout(scenario, resume=resume), windows[stop:], strict=True):
            assert again.index == whole.index
            assert np.array_equal(again.keyframe_latents, whole.keyframe_latents)
            assert np.array_equal(again.frames, whole.frames)


def test_the_seed_decides_everything(engine: Engine, scenario: Scenario, windows: list[Window]) -> None:
    again = next(engine.rollout(scenario, seed=3))
    assert np.array_equal(again.frames, windows[0].frames)
    other = next(engine.rollout(scenario, seed=4))
    assert not np.array_equal(other.keyframe_latents[0], windows[0].keyframe_latents[0])


def test_futures_share_the_first_keyframe_and_then_part(
    engine: Engine, scenario: Scenario, windows: list[Window]
) -> None:
    latents = engine.future(scenario, 1).predict(0, None).latents
    assert np.array_equal(latents[0], windows[0].keyframe_latents[0])
    assert not np.allclose(latents[1:], windows[0].keyframe_latents[1:])


def test_a_shorter_future_is_the_beginning_of_a_longer_one(
    engine: Engine, scenario: Scenario, windows: list[Window]
) -> None:
    short = list(engine.rollout(scenario.model_copy(update={"duration_s": 4.8})))
    assert len(short) == 2
    assert np.array_equal(short[1].frames, windows[1].frames)


def test_the_second_pass_makes_four_times_the_frames(engine: Engine, scenario: Scenario) -> None:
    window = next(engine.rollout(scenario, settings=quality()))
    assert window.frames.shape == (96, 128, 256, 3)


def test_stages_are_told_and_blocks_make_the_window(engine: Engine, scenario: Scenario, windows: list[Window]) -> None:
    latents = [window.keyframe_latents for window in windows]
    steps = list(engine.future(scenario).render(1, latents[1], latents[0]))
    assert list(dict.fromkeys(step.stage for step in steps)) == ["interpolate", "decode", "upsample"]
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    frames = np.concatenate([step.frames for step in steps if step.frames is not None])
    assert np.array_equal(frames, windows[1].frames)


def test_a_missing_checkpoint_is_named_at_once(tiny_checkpoints: Path, tmp_path: Path) -> None:
    for path in tiny_checkpoints.iterdir():
        if path.name != "decoder.safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError, match=r"decoder\.safetensors"):
        Engine.load(tmp_path)


def test_loading_for_composing_loads_all_that_composing_needs(
    tiny_checkpoints_with_detector: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine.load(tiny_checkpoints_with_detector)
    engine.load_for_composing()
    monkeypatch.delattr(type(engine.checkpoints), "load")
    frame = engine.compose(scenario)
    assert frame_findings(engine, frame, engine.first_layout(scenario)) is not None
