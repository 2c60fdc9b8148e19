"""Actions that change speeds."""

from __future__ import annotations

import numpy as np
import pytest

from openscenario_documents import event, happened, lane, reasons, speed, time_after, two, when

DYNAMICS = {
    "time": (speed(4, "linear", "time", 3), "goes to 4 m/s within 3 s"),
    "rate": (speed(4, "linear", "rate", -2), "goes to 4 m/s within 4 s"),
    "distance": (speed(4, "linear", "distance", 32), "goes to 4 m/s within 4 s"),
    "standstill": (speed(0, "linear", "time", 5), "goes to 0 m/s within 5 s"),
    "faster than the ego": (
        speed(
            '<RelativeTargetSpeed entityRef="Ego" value="6" speedTargetValueType="delta" continuous="false"/>',
            "cubic",
            "time",
            4,
        ),
        "goes to 16 m/s within 4 s",
    ),
    "a factor": (
        speed(
            '<RelativeTargetSpeed entityRef="Ego" value="1.5" speedTargetValueType="factor" continuous="false"/>',
            "linear",
            "time",
            4,
        ),
        "goes to 15 m/s within 4 s",
    ),
}


@pytest.mark.parametrize("kind", DYNAMICS)
def test_speed_actions_reach_their_speed_in_their_time(kind: str) -> None:
    action, expected = DYNAMICS[kind]
    result = two(lane(90), event("e", action, when(time_after(1))))
    assert happened(result) == [f"at 1.00 s Other {expected}"]
    lasts, asked = float(expected.split()[-2]), float(expected.split()[2])
    speeds = result.scenario.scene.trajectories[0].at(np.array([0.9, 1 + lasts / 2, 1.1 + lasts])).speed_mps
    np.testing.assert_allclose(speeds, [12, (12 + asked) / 2, asked], atol=0.15)


def test_what_no_tyre_can_do_takes_longer_and_is_a_manoeuvre_with_a_note() -> None:
    result = two(lane(90), event("e", speed(2), when(time_after(1))))
    [made] = result.scenario.actors[0].manoeuvres
    assert (made.type, made.start_s, made.duration_s) == ("brake", 1.0, pytest.approx(10 * 15 / 8 / 7.5))
    assert any("changed speed of Other" in reason for reason in reasons(result))


def test_a_step_at_the_start_is_the_initial_speed() -> None:
    [other] = two(lane(90), event("e", speed(7), when(time_after(0)))).scenario.actors
    assert other.speed_mps == 7
    assert [made.type for made in other.manoeuvres] == ["keep_lane"]


def test_an_action_that_backs_is_a_trajectory_with_headings() -> None:
    result = two(lane(90), event("e", speed(-3, "linear", "time", 3), when(time_after(1))), speed_mps=0.5)
    [other] = result.scenario.actors
    assert all(len(row) == 4 and row[3] == 0 for row in other.trajectory)
    backing = result.scenario.scene.trajectories[0].at(np.array([3.9, 4.0]))
    assert backing.position_m[1, 1] < backing.position_m[0, 1]
    np.testing.assert_allclose(backing.heading_rad, 0, atol=1e-9)
