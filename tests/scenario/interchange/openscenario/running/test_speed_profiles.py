"""Speed profiles within limits on acceleration and jerk."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.scenario.interchange.openscenario.running.speed_profiles import (
    Limits,
    SpeedProfile,
    followed_profile,
    linear_profile,
)

SPEEDS = st.floats(0, 40)
RATES = st.floats(0.5, 20)


def speeds(profile: SpeedProfile, *times: float) -> list[float]:
    return [profile.at(time) for time in times]


def test_without_limits_on_jerk_a_profile_is_linear() -> None:
    linear = linear_profile([0, 4, 8, 10], [0, 10, 4, 8])
    followed = followed_profile([0, 4, 8, 10], [0, 10, 4, 8], 0.0, Limits(5, 10))
    assert followed is not None
    times = np.linspace(0, 10, 101)
    np.testing.assert_allclose(speeds(followed, *times), speeds(linear, *times), atol=1e-9)
    assert speeds(linear, 2, 4, 6, 9, 99) == pytest.approx([5, 10, 7, 6, 8])


def test_the_time_of_an_entry_is_kept_if_the_limits_allow_it() -> None:
    """Jerk of 2 for 1 s, 2 m/s² for 4 s, jerk of -2 for 1 s."""
    profile = followed_profile([0, 6], [10, 20], 0.0, Limits(5, 5, 2, 2))
    assert profile is not None
    assert profile.end_s == pytest.approx(6)
    assert speeds(profile, 1, 3, 5, 6) == pytest.approx([11, 15, 19, 20])


def test_an_entry_is_reached_later_if_the_limits_demand_it() -> None:
    """Jerk of 2 for 2 s and of -2 for 2 s: 8 m/s more, with a peak of 4 m/s²."""
    profile = followed_profile([0, 1], [10, 18], 0.0, Limits(9, 9, 2, 2))
    assert profile is not None
    assert profile.end_s == pytest.approx(4)
    assert speeds(profile, 2, 4) == pytest.approx([14, 18])


def test_a_present_acceleration_ends_within_the_limits_first() -> None:
    """From 5 m/s² to -3 m/s² at -2 m/s³ in 4 s, to 0 at 1 m/s³ in 3 s: 4 - 4.5 m/s."""
    profile = followed_profile([0, 0.1], [10, 9.5], 5.0, Limits(9, 9, 1, 2))
    assert profile is not None
    assert profile.end_s == pytest.approx(7)
    assert speeds(profile, 2.5, 4, 7) == pytest.approx([16.25, 14, 9.5])


def test_corners_that_are_too_close_to_be_rounded_give_no_profile() -> None:
    assert followed_profile([0, 1, 2, 3], [0, 5, 0, 5], 0.0, Limits(9, 9, 1, 1)) is None


@settings(max_examples=80, deadline=None)
@given(SPEEDS, SPEEDS, st.floats(0.1, 20), st.floats(-4, 4), RATES, RATES)
def test_a_speed_is_reached_within_the_limits(
    now: float, asked: float, time_s: float, acceleration: float, rises: float, falls: float
) -> None:
    limits = Limits(4, 4, rises, falls)
    profile = followed_profile([0, time_s], [now, asked], acceleration, limits)
    assert profile is not None
    assert profile.at(profile.end_s) == asked
    assert profile.at(0) == now
    for piece, following in pairwise(profile.pieces):
        assert abs(piece.acceleration) <= 4 + 1e-6
        assert -falls - 1e-6 <= piece.jerk <= rises + 1e-6
        passed = following.start_s - piece.start_s
        assert following.acceleration == pytest.approx(piece.acceleration + piece.jerk * passed, abs=1e-6)
        assert following.speed == pytest.approx(piece.at(following.start_s), abs=1e-4)
