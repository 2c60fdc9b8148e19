"""Frames at any times become frames at a constant rate, and nothing is made up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.data.ingest.media.frames import SourceFrame
from drivesim.data.ingest.repeats import rate_of_new_frames
from drivesim.data.ingest.timeline import Timeline, log_rate


def frames_at(times_s: Sequence[float], pictures: Sequence[int] | None = None) -> list[SourceFrame]:
    """Frames at times; those with the same number of a picture are alike."""
    numbers = range(len(times_s)) if pictures is None else pictures
    return [
        SourceFrame(i, time_s, np.full((4, 4), 7 * number % 251, np.uint8), lambda: np.zeros((4, 4, 3), np.uint8))
        for i, (time_s, number) in enumerate(zip(times_s, numbers, strict=True))
    ]


def used(timeline: Timeline, frames: Sequence[SourceFrame]) -> list[list[int]]:
    """Numbers of the frames of each drive log."""
    logs: list[list[int]] = []
    for item in timeline.used(frames):
        if item is not None:
            if item.starts_log:
                logs.append([])
            logs[-1].append(item.frame.number)
    return logs


@pytest.mark.parametrize(("source", "stride"), [(30, 3), (20, 2), (10, 1), (60, 6)])
def test_a_whole_multiple_gives_every_nth_frame(source: int, stride: int) -> None:
    count = 5 * source
    frames = frames_at([number / source for number in range(count)])
    assert used(Timeline(10, 600), frames) == [list(range(0, count, stride))]


def test_other_rates_take_the_nearest_frame_once() -> None:
    frames = frames_at([number / 25 for number in range(100)])
    timeline = Timeline(10, 600)
    (log,) = used(timeline, frames)
    assert log[:6] == [0, 2, 5, 7, 10, 12]
    assert len(set(log)) == len(log) == 40
    assert timeline.counts.largest_offset_s == pytest.approx(0.02)


def test_a_gap_ends_a_log() -> None:
    times = [number / 20 for number in range(100) if not 40 <= number < 60]
    assert used(Timeline(10, 600), frames_at(times)) == [list(range(0, 40, 2)), list(range(40, 80, 2))]


def test_frozen_frames_are_a_gap() -> None:
    pictures = [min(number, 20) if number < 60 else number for number in range(100)]
    timeline = Timeline(10, 600)
    logs = used(timeline, frames_at([number / 20 for number in range(100)], pictures))
    assert logs == [list(range(0, 21, 2)), list(range(60, 100, 2))]
    assert timeline.counts.repeated == 39


def test_every_second_frame_repeated_is_no_gap() -> None:
    logs = used(Timeline(10, 600), frames_at([n / 20 for n in range(100)], [n // 2 for n in range(100)]))
    assert logs == [list(range(0, 100, 2))]


def noisy(numbers: Sequence[int], noise: int, fps: float) -> list[SourceFrame]:
    """Frames of random pictures by number; repeated ones differ by a little noise, as an encoder makes it."""
    made = []
    for i, number in enumerate(numbers):
        picture = np.random.default_rng(number).integers(60, 200, (64, 64)).astype(np.uint8)
        change = np.random.default_rng(1000 + i).integers(0, noise + 1, (64, 64)).astype(np.uint8)
        made.append(SourceFrame(i, i / fps, picture + change, lambda: np.zeros((4, 4, 3), np.uint8)))
    return made


def test_repeated_frames_may_differ_a_little_where_the_picture_moves_a_lot() -> None:
    numbers = [n if n < 20 else 20 + (n - 20) // 2 for n in range(60)]
    timeline = Timeline(10, 600)
    (log,) = used(timeline, noisy(numbers, noise=1, fps=20))
    assert timeline.counts.repeated == 20
    assert log == [*range(0, 20, 2), *range(20, 60, 2)]


def standing(changes: Sequence[int], start: int = 0) -> list[SourceFrame]:
    """Frames of one picture whose noise has these amplitudes."""
    return [
        SourceFrame(start + i, (start + i) / 20, np.uint8(100) + frame.brightness % change, frame.pixels)
        for i, (frame, change) in enumerate(zip(noisy([0] * len(changes), 99, 20), changes, strict=True))
    ]


def test_a_vehicle_that_stops_is_no_frozen_camera() -> None:
    """Its noise differs from frame to frame, and its frames come to differ less and less."""
    timeline = Timeline(10, 600)
    (log,) = used(timeline, standing([99] * 20 + [99 * 4 // (5 + n) for n in range(40)] + [3] * 40))
    assert timeline.counts.repeated == 0
    assert log == list(range(0, 100, 2))


def test_even_a_sudden_stop_is_kept_after_a_while() -> None:
    timeline = Timeline(10, 600)
    first, second = used(timeline, [*noisy(range(20), 0, 20), *standing([2] * 60, 20)])
    assert (first[0], second[-1] // 2) == (0, 39)
    assert timeline.counts.repeated <= 10


@pytest.mark.parametrize(("fps", "times"), [(10, 2), (30, 6), (30, 1), (24, 3)])
def test_rate_of_a_file_that_repeats_its_frames(fps: int, times: int) -> None:
    frames = noisy([n // times for n in range(120)], noise=1, fps=fps)
    assert rate_of_new_frames(frames) == (None if times == 1 else pytest.approx(fps / times))


def test_a_frozen_beginning_says_nothing_about_the_rate() -> None:
    frames = noisy([max(0, n - 40) for n in range(120)], noise=0, fps=20)
    assert rate_of_new_frames(frames) == pytest.approx(20)
    assert rate_of_new_frames(noisy([0] * 120, noise=0, fps=20)) is None


def test_frames_that_go_back_in_time_are_left_out() -> None:
    timeline = Timeline(10, 600)
    times = [0.0, 0.1, 0.2, 0.1, 0.15, 0.3, 0.4]
    assert used(timeline, frames_at(times)) == [[0, 1, 2, 5, 6]]
    assert timeline.counts.out_of_order == 2


def test_long_recordings_are_cut() -> None:
    logs = used(Timeline(10, 30), frames_at([number / 10 for number in range(75)]))
    assert [len(log) for log in logs] == [30, 30, 15]
    assert list(itertools.chain(*logs)) == list(range(75))


@given(st.lists(st.floats(0.001, 0.4), min_size=2, max_size=60))
def test_any_times(gaps: list[float]) -> None:
    """Within a log, each frame lies within half a tick of its place; no frame is used twice, and order is kept."""
    times = np.cumsum(gaps).tolist()
    logs = used(Timeline(10, 600), frames_at(times))
    chosen = list(itertools.chain(*logs))
    assert chosen == sorted(set(chosen))
    for log in logs:
        offsets = [times[number] - times[log[0]] - tick / 10 for tick, number in enumerate(log)]
        assert max(map(abs, offsets)) <= 0.05 + 2e-6


@pytest.mark.parametrize(("source", "rate"), [(30.0, 10), (9.6, 10), (5.0, 5), (12.0, 10), (2.0, 1.25), (0.1, None)])
def test_rate_of_logs(source: float, rate: float | None) -> None:
    assert log_rate(source, 10) == rate
