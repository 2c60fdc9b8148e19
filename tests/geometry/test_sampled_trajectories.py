from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.geometry.reference_lines import ReferenceLine
from drivesim.geometry.sampled_trajectories import SampledTrajectory

STRAIGHT = ReferenceLine()


def sampled(rows: list[tuple[float, ...]], line: ReferenceLine = STRAIGHT, resting: float = 0.0) -> SampledTrajectory:
    times, stations, offsets, headings = np.array([(*row, np.nan)[:4] for row in rows], dtype=float).T
    return SampledTrajectory(line, times, stations, offsets, np.deg2rad(headings), resting)


def from_steps(steps: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Rows of which the first entry is the time since the row before."""
    times = np.cumsum([step[0] for step in steps])
    return [(float(time), *step[1:]) for time, step in zip(times, steps, strict=True)]


rows = st.lists(st.tuples(st.floats(0.1, 3), st.floats(-40, 60), st.floats(-4, 4)), min_size=2, max_size=12).map(
    from_steps
)


@given(rows)
def test_it_goes_through_its_samples_and_never_beyond_its_neighbours(given_rows: list[tuple[float, ...]]) -> None:
    moving = sampled(given_rows)
    times = moving.times_s
    places = moving.at(times).position_m
    np.testing.assert_allclose(places, np.stack([-moving.offsets_m, moving.stations_m], -1), atol=1e-9)
    for index, time in enumerate(times[:-1]):
        between = moving.at(np.linspace(time, times[index + 1], 9)).position_m
        low, high = np.minimum(*places[index : index + 2]), np.maximum(*places[index : index + 2])
        assert (between >= low - 1e-9).all()
        assert (between <= high + 1e-9).all()


@given(rows)
def test_places_and_speeds_are_continuous(given_rows: list[tuple[float, ...]]) -> None:
    moving, step = sampled(given_rows), 1e-6
    before, after = moving.at(moving.times_s - step), moving.at(moving.times_s + step)
    np.testing.assert_allclose(before.position_m, after.position_m, atol=1e-2)
    np.testing.assert_allclose(before.speed_mps, after.speed_mps, atol=0.2)


def test_constant_speed_stays_constant_beyond_both_ends() -> None:
    poses = sampled([(1, 10, 0), (2, 22, 0), (4, 46, 0)]).at(np.array([0.0, 1.5, 6.0]))
    np.testing.assert_allclose(poses.position_m, [[0, -2], [0, 16], [0, 70]], atol=1e-9)
    np.testing.assert_allclose(poses.speed_mps, 12)


def test_it_points_where_it_drives_and_keeps_that_while_it_stands() -> None:
    moving = sampled([(0, 50, 3.5), (1, 40, 3.5), (2, 30, 3.5), (3, 30, 3.5), (4, 30, 3.5)])
    np.testing.assert_allclose(np.abs(np.rad2deg(moving.at(np.linspace(0, 4, 41)).heading_rad)), 180, atol=1e-6)
    parked = sampled([(0, 50, 3.5), (4, 50, 3.5)], resting=np.pi)
    np.testing.assert_allclose(parked.at(np.linspace(0, 4, 5)).heading_rad, np.pi)


def test_a_given_heading_is_taken_between_its_samples_the_short_way_round() -> None:
    backing = sampled([(0, 10, 0, 170), (1, 8, 0, -170), (2, 6, 0)])
    heading = np.rad2deg(backing.at(np.array([0.0, 0.5, 1.0])).heading_rad) % 360
    np.testing.assert_allclose(heading, [170, 180, 190], atol=1e-6)


def test_along_a_curve_the_offset_scales_the_speed() -> None:
    line = ReferenceLine.with_curve(0.0, 50.0, np.pi / 2, 5.0)
    moving = sampled([(t, 10.0 * t + 20, 2.0) for t in range(4)], line)
    pose = moving.at(np.array(1.5))
    assert pose.speed_mps == pytest.approx(10 * (1 - 2 / 50), rel=1e-3)
    nearby = moving.at(np.array([1.499, 1.501])).position_m
    assert np.linalg.norm(nearby[1] - nearby[0]) / 0.002 == pytest.approx(float(pose.speed_mps), rel=1e-3)
    assert moving.yaw_rate(np.array(1.5)) == pytest.approx(10 / 50, rel=1e-2)
