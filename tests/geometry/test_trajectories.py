from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.geometry.profiles import Profile, SmoothChange
from drivesim.geometry.trajectories import Trajectory

TIMES = np.linspace(0, 12, 2401)
STEP = TIMES[1] - TIMES[0]
PEAK_CURVATURE = 10 / np.sqrt(3)  # of a change, in amounts per squared duration
durations, starts = st.floats(0.5, 6), st.floats(0, 5)
targets = st.lists(st.tuples(starts, durations, st.floats(0, 30)), max_size=3)


@given(starts, durations, st.floats(-40, 40))
def test_a_change_is_smooth_whole_and_as_steep_as_it_says(start: float, duration: float, amount: float) -> None:
    change = SmoothChange(start, duration, amount)
    assert change.value(np.array(start)) == 0
    assert change.value(np.array(start + duration + 1)) == pytest.approx(amount)
    rate = change.rate(TIMES)
    assert np.abs(rate).max() <= abs(amount) / duration * SmoothChange.PEAK_SLOPE + 1e-9
    curvature = np.abs(np.diff(rate) / STEP).max()
    assert curvature <= abs(amount) / duration**2 * PEAK_CURVATURE * 1.001 + 1e-9


@given(targets, st.floats(0, 30))
def test_value_rate_and_integral_belong_together(changes: list, initial: float) -> None:
    profile = Profile.through(initial, changes)
    value = profile.value(TIMES)
    middle = (TIMES[1:] + TIMES[:-1]) / 2
    np.testing.assert_allclose(np.diff(value) / STEP, profile.rate(middle), atol=0.02)
    np.testing.assert_allclose(np.diff(profile.integral(TIMES)) / STEP, profile.value(middle), atol=0.02)
    assert profile.integral(np.array(0.0)) == 0


@given(targets, st.floats(0, 30), targets, st.floats(-3, 3))
def test_speed_is_continuous_and_belongs_to_the_positions(
    speeds: list, speed: float, shifts: list, heading: float
) -> None:
    trajectory = Trajectory((2.0, 9.0), heading, Profile.through(speed, speeds), Profile.through(0.0, shifts))
    poses = trajectory.at(TIMES)
    moved = np.linalg.norm(np.diff(poses.position_m, axis=0), axis=-1) / STEP
    np.testing.assert_allclose(moved, trajectory.at((TIMES[1:] + TIMES[:-1]) / 2).speed_mps, atol=0.1)
    steepest = sum(abs(c.amount) / c.duration_s * c.PEAK_SLOPE for c in trajectory.speed_mps.changes)
    sideways = sum(abs(c.amount) / c.duration_s**2 * PEAK_CURVATURE for c in trajectory.lateral_m.changes)
    assert np.abs(np.diff(poses.speed_mps)).max() <= (np.hypot(steepest, sideways) * 1.01 + 1e-6) * STEP
    np.testing.assert_allclose(poses.position_m[0], [2.0, 9.0])


@given(st.floats(0, 12))
def test_a_pose_depends_on_its_time_alone(time: float) -> None:
    trajectory = Trajectory((0, 0), 0.3, Profile.through(8, [(1, 3, 2)]), Profile.through(0, [(2, 3, 3.5)]))
    alone, among = trajectory.at(np.array(time)), trajectory.at(np.array([0.0, time, 7.0]))
    np.testing.assert_allclose(alone.position_m, among.position_m[1], rtol=1e-12)


def test_a_turn_at_constant_speed_keeps_its_length_and_ends_in_its_heading() -> None:
    turn = Trajectory((0, 0), 0.0, Profile(8.0), turn_rad=Profile.through(0, [(1, 4, np.pi / 2)]))
    poses = turn.at(TIMES)
    steps = np.linalg.norm(np.diff(poses.position_m, axis=0), axis=-1)
    np.testing.assert_allclose(steps, 8 * STEP, rtol=1e-4)
    assert poses.heading_rad[-1] == pytest.approx(np.pi / 2)
    after = np.diff(poses.position_m[-2:], axis=0)[0]
    np.testing.assert_allclose(after, [-8 * STEP, 0], atol=1e-9)
    assert turn.yaw_rate(np.array(3.0)) == pytest.approx(np.pi / 2 / 4 * SmoothChange.PEAK_SLOPE, rel=1e-4)


def test_a_lane_change_after_a_turn_goes_to_the_left_of_the_new_direction() -> None:
    turn, shift = Profile.through(0, [(0, 2, np.pi / 2)]), Profile.through(0, [(3, 2, 3.5)])
    changed = Trajectory((0, 0), 0.0, Profile(8.0), shift, turn).at(TIMES).position_m[-1]
    kept = Trajectory((0, 0), 0.0, Profile(8.0), turn_rad=turn).at(TIMES).position_m[-1]
    np.testing.assert_allclose(changed - kept, [0, -3.5], atol=1e-6)


def test_braking_to_a_standstill_stays_there() -> None:
    stopped = Trajectory((0, 0), 0.0, Profile.through(10, [(1, 4, 0)]))
    assert stopped.at(np.array(5.0)).position_m[1] == pytest.approx(10 + 20)
    np.testing.assert_allclose(stopped.at(np.array([5.0, 9.0])).position_m[:, 1], 30)
