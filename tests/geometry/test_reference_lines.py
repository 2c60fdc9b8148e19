from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivesim.geometry.profiles import Profile
from drivesim.geometry.reference_lines import LineTrajectory, ReferenceLine
from drivesim.geometry.trajectories import Trajectory

TIMES = np.linspace(0, 12, 1201)
radii = st.floats(40, 500) | st.floats(-500, -40)
curves = st.builds(ReferenceLine.with_curve, st.floats(-80, 80), radii, st.floats(0.1, np.pi), st.floats(5, 60))
targets = st.lists(st.tuples(st.floats(0, 5), st.floats(0.5, 6), st.floats(-7, 7)), max_size=2)


def test_a_curve_turns_by_its_angle_at_its_radius() -> None:
    line = ReferenceLine.with_curve(30, 60, np.pi / 2, 20)
    assert line.heading(np.array([-50, 0, 30])) == pytest.approx([0, 0, 0])
    assert line.heading(np.array([500, 900])) == pytest.approx([np.pi / 2] * 2)
    assert line.curvature.value(np.array(80.0)) == pytest.approx(1 / 60)
    arc = line.position(np.linspace(55, 115, 7))
    middle = arc[0] + 60 * np.array([-np.cos(line.heading(np.array(55.0))), -np.sin(line.heading(np.array(55.0)))])
    np.testing.assert_allclose(np.linalg.norm(arc - middle, axis=-1), 60)
    np.testing.assert_allclose(line.position(np.array([0.0, 25.0])), [[0, 0], [0, 25]], atol=1e-9)


def test_a_right_curve_mirrors_a_left_one() -> None:
    left, right = (ReferenceLine.with_curve(10, radius, 1.2, 15) for radius in (70, -70))
    stations = np.linspace(-20, 200, 40)
    np.testing.assert_allclose(left.position(stations, 3.0), right.position(stations, -3.0) * [-1, 1], atol=1e-9)


@given(curves, st.floats(-150, 250))
def test_stations_are_metres_along_the_line(line: ReferenceLine, station: float) -> None:
    near = np.array([station, station + 1e-3])
    first, second = line.position(near)
    assert np.linalg.norm(second - first) == pytest.approx(1e-3, rel=1e-4)
    heading = line.heading(near).mean()
    np.testing.assert_allclose((second - first) / 1e-3, [-np.sin(heading), np.cos(heading)], atol=1e-4)
    np.testing.assert_allclose(line.position(np.array(0.0)), [0, 0], atol=1e-9)


@given(curves, st.floats(-100, 200), st.floats(-15, 15))
def test_projection_is_the_inverse_of_position(line: ReferenceLine, station: float, offset: float) -> None:
    found = line.project(line.position(np.array([station]), np.array([offset])))
    np.testing.assert_allclose(np.concatenate(found), [station, offset], atol=1e-6)


@given(st.floats(0, 25), targets, targets, st.sampled_from([1, -1]))
def test_on_a_straight_line_it_is_a_straight_trajectory(speed: float, speeds: list, shifts: list, way: int) -> None:
    speeds = [(start, lasts, abs(value)) for start, lasts, value in speeds]
    profiles = Profile.through(speed, speeds), Profile.through(way * 2.0, shifts)
    along = LineTrajectory(ReferenceLine(), 30.0, *profiles, direction=way).at(TIMES)
    straight = Trajectory((-2.0, 30.0), 0.0 if way > 0 else np.pi, *profiles).at(TIMES)
    np.testing.assert_allclose(along.position_m, straight.position_m, atol=1e-3)
    np.testing.assert_allclose(along.heading_rad, straight.heading_rad, atol=1e-9)


@given(curves, st.floats(2, 25), targets, targets, st.sampled_from([1, -1]))
@settings(max_examples=40, deadline=None)
def test_speeds_belong_to_the_positions_in_any_lane(
    line: ReferenceLine, speed: float, speeds: list, shifts: list, way: int
) -> None:
    speeds = [(start, lasts, abs(value) + 1) for start, lasts, value in speeds]
    path = LineTrajectory(line, 20.0, Profile.through(speed, speeds), Profile.through(3.5, shifts), way)
    step = 1e-4
    times = np.arange(0.05, 12, 0.1)
    assume((path.speed_mps.value(times) > 0).all())  # changes that overlap can add up to a reversing vehicle
    moved = path.at(times + step).position_m - path.at(times - step).position_m
    poses = path.at(times)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=-1) / (2 * step), poses.speed_mps, rtol=5e-3, atol=1e-2)
    forward = np.stack([-np.sin(poses.heading_rad), np.cos(poses.heading_rad)], -1)
    moving = poses.speed_mps > 1
    assert ((moved * forward).sum(-1)[moving] > 0.999 * np.linalg.norm(moved, axis=-1)[moving]).all()


def test_a_moment_does_not_depend_on_the_others_asked_for() -> None:
    line = ReferenceLine.with_curve(10, 60, 1.5, 20)
    path = LineTrajectory(line, 5.0, Profile(12.0), Profile.through(0.0, [(1, 3, 3.5)]))
    for time in (0.0, 0.5, 2.2, 7.0):
        np.testing.assert_array_equal(path.at(np.array(time)).position_m, path.at(np.array([time, 3.3])).position_m[0])


def test_a_curve_at_constant_speed_takes_its_acceleration_and_yaw_rate() -> None:
    path = LineTrajectory(ReferenceLine.with_curve(0, 50, np.pi, 10), 0.0, Profile(10.0), Profile(5.0))
    assert path.yaw_rate(np.array(6.0)) == pytest.approx(10 / 45, rel=1e-4)
    assert path.sideways_acceleration(np.array(6.0)) == pytest.approx(100 / 45)
