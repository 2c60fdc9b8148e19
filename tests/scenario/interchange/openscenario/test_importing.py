"""Whole files, and the scenarios and notes that come of them."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scenario import Scenario, parse_scenario, scenario_yaml
from drivesim.scenario.interchange.openscenario import import_openscenario
from drivesim.scenario.schema.road import Road
from openscenario_documents import (
    at,
    document,
    event,
    group,
    happened,
    imported,
    lane,
    lane_change,
    private,
    reasons,
    speed,
    state_of,
    time_after,
    two,
    vehicle,
    when,
)


def test_a_cut_in_is_an_actor_that_cuts_in() -> None:
    change = event("cut", lane_change('<RelativeTargetLane entityRef="Ego" value="0"/>', 2.5), when(time_after(1), 0.5))
    result = two(lane(75, -1), change)
    scenario = result.scenario
    assert (scenario.name, result.description) == ("cut-in", "A test")
    assert scenario.road == Road(lanes=2, oncoming_lanes=0, ego_lane=0)
    [other] = scenario.actors
    assert (other.id, other.category) == ("Other", "car")
    assert other.size_m == (4.6, 1.8, 1.5)
    # From rear axle to rear axle 25 m; the near end lies behind its axle, the camera ahead of the ego's.
    near = 25 + 1.5 - 2.3 - (1.5 + 2.3 - 1.8)
    assert other.trajectory[0] == pytest.approx((0, near, 3.5))
    # A sinusoidal lane change is half done after half of its time.
    place = scenario.scene.trajectories[0].at(np.array([1.5, 2.75, 4.0])).position_m
    np.testing.assert_allclose(place[:, 0], [-3.5, -1.75, 0], atol=0.02)
    np.testing.assert_allclose(place[:, 1], near + 2.3 + 12 * np.array([1.5, 2.75, 4.0]), atol=0.02)
    assert happened(result) == ["at 1.50 s Other changes to lane 0: goes -3.5 m to the left of its road within 2.5 s"]
    assert scenario.ego.speed_mps == 10
    assert reasons(result) == []
    assert str(result.notes[0]).startswith("changed road: its file, road.xodr, is not found")


def test_parameters_and_formulas_are_filled_in() -> None:
    declared = '<ParameterDeclaration name="KmH" parameterType="double" value="54"/>'
    init = private("Ego", at(lane(50)), speed("${$KmH / 3.6}")) + private("Other", at(lane(80)), speed("$KmH"))
    scenario = imported(vehicle("Ego") + vehicle("Other"), init, declared=declared).scenario
    assert (scenario.ego.speed_mps, scenario.actors[0].speed_mps) == (15, 54)


@pytest.mark.parametrize(("clock", "expected"), [("12:00", "day"), ("23:30", "night"), ("06:00", "night")])
def test_the_clock_is_day_or_night(clock: str, expected: str) -> None:
    time = f'<TimeOfDay animation="false" dateTime="2026-06-01T{clock}:00"/>'
    weather = '<Weather cloudState="free"><Fog visualRange="100"/></Weather>'
    environment = f'<EnvironmentAction><Environment name="e">{time}{weather}</Environment></EnvironmentAction>'
    init = f"<GlobalAction>{environment}</GlobalAction>{private('Ego', at(lane(50)), speed(10))}"
    result = imported(vehicle("Ego"), init)
    assert result.scenario.time_of_day == expected
    assert reasons(result) == ["dropped Fog: of the environment, only day and night are known"]


def test_the_stop_trigger_ends_the_scenario() -> None:
    stop = when(time_after(7)).removeprefix("<StartTrigger>").removesuffix("</StartTrigger>")
    init = private("Ego", at(lane(50)), speed(10))
    assert imported(vehicle("Ego"), init, stop=stop).scenario.duration_s == 7
    assert imported(vehicle("Ego"), init).scenario.duration_s == 4


CONTROLLER = "<ControllerAction><ActivateControllerAction lateral='true'/></ControllerAction>"
TRAJECTORY = "<RoutingAction><FollowTrajectoryAction/></RoutingAction>"
CLOCK = '<TimeOfDayCondition rule="greaterThan" dateTime="2026-06-01T12:00:00"/>'
DROPPED = {
    "another road": (two(lane(80, road=2)), "dropped entity Other: on a different road than the ego"),
    "of the world beside lanes": (
        two('<WorldPosition x="1" y="2"/>'),
        "dropped entity Other: a WorldPosition needs an ego",
    ),
    "a circle": (
        two('<RelativeLanePosition entityRef="Other" dLane="0" ds="9"/>'),
        "dropped entity Other: positions refer to one another in a circle",
    ),
    "on the ego": (two(lane(51)), "dropped entity Other: E102 Other is where the ego is"),
    "a controller": (
        two(lane(80), event("e", CONTROLLER, when(time_after(1)))),
        "dropped ControllerAction: vehicles follow their actions only",
    ),
    "a swerve": (
        two(lane(80), event("e", lane_change('<AbsoluteTargetLane value="-1"/>', 0.3), when(time_after(1)))),
        "changed lane change of Other: takes 1.5 s, not 0.3 s, as tyres allow",
    ),
    "never": (
        two(lane(80), event("e", speed(4), when(time_after(700)))),
        "dropped event e: what it waits for does not come about",
    ),
}


@pytest.mark.parametrize("kind", DROPPED)
def test_what_does_not_map_is_dropped_with_a_reason(kind: str) -> None:
    result, expected = DROPPED[kind]
    assert any(reason.startswith(expected) for reason in reasons(result)), reasons(result)
    assert isinstance(result.scenario, Scenario)
    assert all(note.line > 1 for note in result.notes)


UNKNOWN = {
    "a trajectory": (TRAJECTORY, time_after(1), "action e_action of e: a FollowTrajectoryAction without a Trajectory"),
    "a reference": (speed(4), state_of("event", "other", "endTransition"), "there is no event 'other' in the file"),
    "the clock": (
        speed(4),
        f"<ByValueCondition>{CLOCK}</ByValueCondition>",
        "TimeOfDayCondition is not supported; the clock",
    ),
    "dynamics": (speed(4, "wavy"), time_after(1), "SpeedActionDynamics: expected `dynamicsShape` to be linear, cubic"),
    "a parameter": (
        speed("$nowhere"),
        time_after(1),
        "AbsoluteTargetSpeed: expected a number for `value`, got $nowhere",
    ),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_is_unknown_and_matters_is_refused_by_name_unless_lenient(kind: str) -> None:
    action, condition, message = UNKNOWN[kind]
    init = private("Ego", at(lane(50)), speed(10)) + private("Other", at(lane(80)), speed(12))
    content = document(vehicle("Ego") + vehicle("Other"), init, group("Other", event("e", action, when(condition))))
    with pytest.raises(InputError) as caught:
        import_openscenario(content, "a.xosc")
    first, *_, last = str(caught.value).splitlines()
    assert first.startswith("a.xosc:8: unknown ")
    assert message in first
    assert "0x" not in first
    assert last == "a.xosc: the meaning of the file depends on this; --lenient leaves it out"
    result = import_openscenario(content, "a.xosc", lenient=True)
    assert any(note.kind == "unknown" for note in result.notes)
    assert [made.type for made in result.scenario.actors[0].manoeuvres] == ["keep_lane"]


def test_the_same_file_gives_the_same_scenario() -> None:
    content = document(vehicle("Ego") + vehicle("Other"), private("Ego", at(lane(5))) + private("Other", at(lane(40))))
    assert import_openscenario(content, "a.xosc") == import_openscenario(content, "a.xosc")
    text = scenario_yaml(import_openscenario(content, "a.xosc").scenario)
    assert parse_scenario(text.encode()).canonical() == import_openscenario(content, "a.xosc").scenario.canonical()
