"""Conditions whose times follow from the motions and from other parts of the storyboard."""

from __future__ import annotations

import pytest

from openscenario_documents import (
    at,
    event,
    group,
    happened,
    imported,
    lane,
    lane_change,
    of_entity,
    private,
    speed,
    state_of,
    time_after,
    two,
    vehicle,
    when,
)

FREE = 'freespace="false" relativeDistanceType="longitudinal" coordinateSystem="road"'
STARTS = {
    "after an event": (state_of("event", "first", "endTransition"), 3.0),
    "after a whole manoeuvre": (state_of("maneuver", "Ego_manoeuvre", "completeState"), 3.0),
    "with the act": (state_of("act", "act", "startTransition"), 0.02),
    # 30 m ahead and 2 m/s faster: 40 m after 5 s.
    "distance": (
        of_entity("Other", f'<RelativeDistanceCondition entityRef="Ego" value="40" rule="greaterThan" {FREE}/>'),
        5.0,
    ),
    "headway": (
        of_entity("Ego", f'<TimeHeadwayCondition entityRef="Other" value="3.5" rule="greaterThan" {FREE}/>'),
        2.5,
    ),
    "travelled distance": (of_entity("Other", '<TraveledDistanceCondition value="36"/>'), 3.0),
}


@pytest.mark.parametrize("kind", STARTS)
def test_conditions_that_the_motions_decide_give_a_time(kind: str) -> None:
    condition, start = STARTS[kind]
    init = private("Ego", at(lane(50)), speed(10)) + private("Other", at(lane(80)), speed(12))
    first = group("Ego", event("first", lane_change('<AbsoluteTargetLane value="-1"/>', 2), when(time_after(1))))
    second = group("Other", event("second", speed(6, "linear", "time", 3), when(condition)))
    entities = vehicle("Ego") + vehicle("Other")
    told = {
        text.split(" s ")[1].split()[0]: float(text.split()[1])
        for *_, text in imported(entities, init, second + first).timeline
    }
    assert told == {"Ego": 1.0, "Other": pytest.approx(start, abs=0.021)}


def test_time_to_collision_counts_from_bumper_to_bumper() -> None:
    target = "<TimeToCollisionConditionTarget><EntityRef entityRef='Other'/></TimeToCollisionConditionTarget>"
    free = FREE.replace("false", "true")
    condition = f'<TimeToCollisionCondition value="4" rule="lessThan" {free}>{target}</TimeToCollisionCondition>'
    brake = event(
        "e", lane_change('<RelativeTargetLane entityRef="Ego" value="1"/>', 3), when(of_entity("Ego", condition))
    )
    [told] = happened(two(lane(100), brake, speed_mps=4))
    assert float(told.split()[1]) == pytest.approx((50 - 4.6) / 6 - 4, abs=0.021)


def test_what_is_left_out_still_takes_part_in_conditions() -> None:
    walker = '<ScenarioObject name="Walker"><Pedestrian name="p"/></ScenarioObject>'
    near = '<RelativeDistanceCondition entityRef="Ego" value="20" rule="lessThan" relativeDistanceType="longitudinal"/>'
    init = private("Ego", at(lane(50)), speed(10)) + private("Walker", at(lane(100)), speed(0))
    brakes = group("Ego", event("e", speed(5, "linear", "time", 3), when(of_entity("Walker", near))))
    result = imported(vehicle("Ego") + walker, init, brakes)
    assert happened(result) == ["at 3.00 s Ego goes to 5 m/s within 3 s"]
