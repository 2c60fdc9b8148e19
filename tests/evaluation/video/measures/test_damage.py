"""Damage changes the order and steadiness of frames, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.evaluation.video.measures.damage import frozen, shuffled, time_ladder

CLIPS = np.random.default_rng(0).integers(0, 256, (3, 8, 16, 128, 3), np.uint8)


def test_a_shuffled_clip_has_the_same_frames() -> None:
    for clip, changed in zip(CLIPS, shuffled(CLIPS), strict=True):
        assert not np.array_equal(clip, changed)
        assert {frame.tobytes() for frame in clip} == {frame.tobytes() for frame in changed}


def test_neighbours_stay_within_their_pair() -> None:
    for clip, changed in zip(CLIPS, shuffled(CLIPS, reach=2), strict=True):
        for start in range(0, 8, 2):
            pair = {frame.tobytes() for frame in clip[start : start + 2]}
            assert {frame.tobytes() for frame in changed[start : start + 2]} == pair


@pytest.mark.parametrize(("share", "least"), [(0.5, 2), (1.0, 1)])
def test_a_frozen_clip_repeats_frames_that_came_before(share: float, least: int) -> None:
    for clip, changed in zip(CLIPS, frozen(CLIPS, share), strict=True):
        shown = [next(t for t in range(8) if np.array_equal(clip[t], frame)) for frame in changed]
        assert shown == sorted(shown)
        assert all(place <= t for t, place in enumerate(shown))
        assert len(set(shown)) >= least
        assert len(set(shown)) == 1 or share < 1


def test_every_rung_keeps_the_shape_and_is_the_same_each_time() -> None:
    for rung in time_ladder():
        changed = rung.apply(CLIPS)
        assert changed.shape == CLIPS.shape
        assert changed.dtype == np.uint8
        assert np.array_equal(changed, rung.apply(CLIPS))
        assert not np.array_equal(changed, CLIPS)
