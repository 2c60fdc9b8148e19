from __future__ import annotations

from dataclasses import replace

import pytest

from drivesim.engine import Timeline
from drivesim.errors import InputError
from drivesim.models.presets import VideoFormat


@pytest.mark.parametrize(("passes", "fps", "per_window"), [(1, 10.0, 24), (2, 40.0, 96)])
def test_rates_follow_from_passes(passes: int, fps: float, per_window: int) -> None:
    timeline = Timeline(VideoFormat(), passes, 4.0)
    assert (timeline.fps, timeline.frames_per_window) == (fps, per_window)
    assert timeline.num_frames == 4 * fps


@pytest.mark.parametrize("duration_s", [0.4, 2.4, 2.5, 4.0, 60.0])
def test_windows_hold_every_frame_once(duration_s: float) -> None:
    timeline = Timeline(VideoFormat(), 1, duration_s)
    windows = [timeline.frames(window) for window in range(timeline.num_windows)]
    assert [frame for window in windows for frame in window] == list(range(timeline.num_frames))
    assert all(windows)


def test_a_window_begins_with_the_last_two_keyframes_of_the_one_before() -> None:
    timeline, video = Timeline(VideoFormat(), 1, 60.0), VideoFormat()
    last = timeline.first_keyframe(3) + video.keyframes_per_window - 1
    assert timeline.first_keyframe(4) == last - 1


def test_less_than_a_frame_is_refused() -> None:
    with pytest.raises(InputError, match="less than one frame"):
        Timeline(VideoFormat(), 1, 0.01)


def test_other_overlaps_are_refused() -> None:
    with pytest.raises(ValueError, match="2 context frames"):
        Timeline(replace(VideoFormat(), context_frames=1), 1, 4.0)
