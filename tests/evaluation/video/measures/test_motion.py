"""Optical flow, warping error and frames in between, on pictures whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.evaluation.metrics.corruptions import flickering
from drivesim.evaluation.video.measures.flow import in_between, optical_flow, sampled_at
from drivesim.evaluation.video.measures.warping import warping_of

MIDDLE = (slice(12, -12), slice(20, -20))


def test_flow_leads_from_the_first_frame_to_the_second(pan) -> None:
    first, second = pan(0, 2, speed_px=4)
    flow = optical_flow(first, second)
    assert np.median(flow[MIDDLE][..., 0]) == pytest.approx(-4, abs=0.5)
    assert np.median(flow[MIDDLE][..., 1]) == pytest.approx(0, abs=0.3)
    back = sampled_at(second, flow)
    assert np.abs(back[MIDDLE].astype(int) - first[MIDDLE]).mean() < 6


def test_frames_in_between_lie_on_the_way(pan) -> None:
    frames = pan(1, 5, speed_px=2)
    made = in_between(frames[0], frames[4], (0.25, 0.5, 0.75))
    for place, frame in enumerate(made, 1):
        moved = np.abs(frame[MIDDLE].astype(int) - frames[place][MIDDLE]).mean()
        mixed = (1 - place / 4) * frames[0][MIDDLE] + place / 4 * frames[4][MIDDLE]
        assert moved < 0.5 * np.abs(mixed - frames[place][MIDDLE]).mean()


def test_steady_motion_has_little_error_and_flicker_has_much(pan, video_of) -> None:
    steady = pan(2, 8)
    error, motion, still = warping_of(video_of(steady))
    assert motion == pytest.approx(2, abs=0.6)
    assert still == 0
    assert warping_of(video_of(flickering(steady, 0.2)))[0] > 2 * error


def test_a_frozen_video_is_called_still(pan, video_of) -> None:
    error, motion, still = warping_of(video_of(np.repeat(pan(3, 1), 5, 0)))
    assert (error, still) == (0, 1)
    assert motion < 0.1
    assert warping_of(video_of(pan(3, 1))) is None


def test_stretches_join(pan, video_of) -> None:
    """A video that is read in several parts has the error of the whole."""
    frames = pan(4, 40, speed_px=1)
    parts = list(video_of(frames).parts(overlap=1))
    assert len(parts) > 1
    assert np.array_equal(np.concatenate([parts[0], *(part[1:] for part in parts[1:])]), frames)
