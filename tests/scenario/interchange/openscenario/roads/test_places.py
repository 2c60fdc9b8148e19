"""Positions of every kind, as the ego sees them."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.scenario.interchange.openscenario.roads.road_map import LANE_WIDTH_M
from openscenario_documents import at, imported, lane, private, reasons, speed, two, vehicle

POSITIONS = {
    "lane": (lane(80, -3), (30, -LANE_WIDTH_M, 0)),
    "lane that comes towards us": (lane(80, 1), (30, 2 * LANE_WIDTH_M, 180)),
    "turned round in such a lane": (lane(80, 1, 0, '<Orientation type="relative" h="3.14159265"/>'), (30, 7.0, 0)),
    "offset in its lane": (lane(80, -2, 0.4), (30, 0.4, 0)),
    "relative lane": ('<RelativeLanePosition entityRef="Ego" dLane="1" ds="20" offset="0"/>', (20, 3.5, 0)),
    "relative road": ('<RelativeRoadPosition entityRef="Ego" ds="20" dt="-2"/>', (20, -2, 0)),
    "relative to the vehicle": ('<RelativeObjectPosition entityRef="Ego" dx="30" dy="4"/>', (30, 4, 0)),
}


@pytest.mark.parametrize("kind", POSITIONS)
def test_positions_are_seen_from_the_ego(kind: str) -> None:
    position, (ahead, left, degrees) = POSITIONS[kind]
    [other] = two(position).scenario.actors
    scene = two(position).scenario.scene
    axle = scene.trajectories[0].start_m[1] - 1.5 * np.cos(np.deg2rad(degrees)) + (1.5 + 2.3 - 1.8)
    assert axle == pytest.approx(ahead, abs=0.02)
    assert other.start_lateral_m(two(position).scenario.road) == pytest.approx(left)
    assert np.rad2deg(scene.trajectories[0].heading_rad) == pytest.approx(degrees, abs=0.1)


def test_world_positions_are_turned_into_the_axes_of_the_ego() -> None:
    ego = '<WorldPosition x="100" y="40" h="1.5707963"/>'
    [other] = two('<WorldPosition x="96.5" y="70" h="1.5707963"/>', ego=ego).scenario.actors
    assert other.distance_m == pytest.approx(30 + 1.5 - 2.3 - 2.0, abs=0.01)
    assert other.lane == 1


def test_an_ego_against_the_direction_of_its_road_sees_the_same() -> None:
    with_road, against = two(lane(75, -1)).scenario, two(lane(25, 1), ego=lane(50, 2)).scenario
    assert with_road.actors == against.actors
    assert with_road.road == against.road


def test_an_ego_turned_against_its_lane_sees_what_is_before_it() -> None:
    turned = '<Orientation type="relative" h="3.14159265"/>'
    init = private("Ego", at(lane(50, 1, 0, turned)), speed(10))
    init += private("A", at(lane(90, 1, 0, turned)), speed(10)) + private("B", at(lane(95, -1, 0, turned)), speed(10))
    same, right = imported(vehicle("Ego") + vehicle("A") + vehicle("B"), init).scenario.actors
    assert (same.lane, same.heading_deg, right.lane, right.heading_deg) == (0, None, -1, 180)
    near = 40 + 1.5 - 2.3 - (1.5 + 2.3 - 1.8)
    assert same.distance_m == pytest.approx(near)
    assert right.distance_m == pytest.approx(near + 5 - 2 * 1.5)


def test_a_long_chain_of_positions_is_followed_only_so_far() -> None:
    names = [*(f"A{number}" for number in range(60)), "Ego"]
    behind = [f'<RelativeRoadPosition entityRef="{name}" ds="8" dt="0"/>' for name in names[1:]]
    init = "".join(private(name, at(place), speed(10)) for name, place in zip(names, behind, strict=False))
    result = imported("".join(map(vehicle, names)), init + private("Ego", at(lane(50)), speed(10)))
    assert "dropped entity A0: its position is relative to another" in "\n".join(reasons(result))
    # Those near the end of the chain are followed, and then all that count from them.
    assert [actor.id for actor in result.scenario.actors] == names[28:60]
