from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from drivesim.errors import ScenarioError
from drivesim.scenario import Scenario, parse_scenario, scenario_yaml
from drivesim.scenario.load import check_content
from drivesim.scenario.previews.preview import preview_frame

HEAD = "format: 1\nname: case\n"
LEFT = {"starts_m": 10, "radius_m": 60, "angle_deg": 90}


def scenario(*actors: dict[str, Any], curve: dict[str, Any] | None = LEFT, **fields: Any) -> Scenario:
    road = {"lanes": 2, "oncoming_lanes": 1, "ego_lane": 1} | ({"curve": curve} if curve else {})
    return Scenario.model_validate({"format": 1, "name": "a", "road": road, "actors": actors, **fields})


def test_vehicles_stand_in_their_lanes_and_look_along_them() -> None:
    case = scenario(
        {"category": "car", "distance_m": 60, "lane": -1},
        {"category": "car", "distance_m": 60, "lane": 1, "heading_deg": 180},
    )
    line = case.road.line
    for index, lane in enumerate((-1, 1)):
        pose = case.scene.trajectories[index].at(np.array(0.0))
        station, lateral = line.project(pose.position_m[None])
        assert lateral[0] == pytest.approx(3.5 * lane)
        assert station[0] == pytest.approx(62.3)
        turned = float(line.heading(station)[0]) + (np.pi if index else 0.0)
        assert pose.heading_rad == pytest.approx(turned)


def test_a_manoeuvre_ends_in_its_lane_on_the_curve_too() -> None:
    cut_in = {"type": "cut_in", "start_s": 1, "duration_s": 3}
    actor = {"category": "car", "distance_m": 20, "lane": -1, "speed_mps": 10, "manoeuvres": [cut_in]}
    case = scenario(actor)
    places = case.scene.trajectories[0].at(np.array([0.0, 1.0, 2.5, 4.0, 6.0])).position_m
    np.testing.assert_allclose(case.road.line.project(places)[1], [-3.5, -3.5, -1.75, 0, 0], atol=1e-6)


def test_the_ego_follows_the_curve_and_sees_it() -> None:
    case = scenario({"category": "car", "distance_m": 20, "speed_mps": 10}, ego={"speed_mps": 10})
    for time in (0.0, 3.0, 6.0, 8.0):
        ahead = case.scene.views(time)[0]
        assert ahead.distance_m == pytest.approx(20, abs=2.5)
        assert ahead.visible_fraction > 0.9
    assert case.ego_trajectory.at(np.array(20.0)).heading_rad == pytest.approx(np.pi / 2)
    assert case.ego_trajectory.yaw_rate(np.array(6.0)) == pytest.approx(10 / 60, rel=1e-3)


def test_the_first_frame_looks_along_the_road_also_within_a_curve() -> None:
    case = scenario({"category": "car", "distance_m": 15}, curve={"starts_m": -60, "radius_m": -50})
    pose = case.ego_trajectory.at(np.array(0.0))
    np.testing.assert_allclose(pose.position_m, [0, 0], atol=1e-9)
    assert pose.heading_rad == 0
    left, _, right, _ = case.scene.views(0.0)[0].amodal_box
    assert (left + right) / 2 > 530


def test_a_very_wide_curve_is_nearly_a_straight_road() -> None:
    brake = {"type": "brake", "start_s": 1, "speed_mps": 4}
    actor = {"category": "van", "distance_m": 25, "lane": 1, "manoeuvres": [{"type": "cut_in"}, brake]}
    wide = {"radius_m": 5000, "angle_deg": 1}
    straight, curved = (scenario(actor, curve=curve).scene for curve in (None, wide))
    for time in (0.0, 1.3, 2.9, 5.0):
        places = [scene.trajectories[0].at(np.array(time)).position_m for scene in (straight, curved)]
        np.testing.assert_allclose(*places, atol=0.5)


def test_who_crosses_drives_straight_from_beside_the_road() -> None:
    case = scenario(
        {"category": "car", "distance_m": 50, "lateral_m": -9, "speed_mps": 5, "manoeuvres": [{"type": "cross"}]}
    )
    trajectory, line = case.scene.trajectories[0], case.road.line
    start, later = trajectory.at(np.array([0.0, 2.0])).position_m
    station, lateral = line.project(start[None])
    assert lateral[0] == pytest.approx(-9)
    across = line.position(station, np.array([1.0]))[0]
    np.testing.assert_allclose((later - start) / 10, (across - start) / 10, atol=1e-6)


def test_identity_knows_the_curve_and_only_where_there_is_one() -> None:
    lead = {"category": "car", "distance_m": 20}
    straight, left, right = (scenario(lead, curve=c) for c in (None, LEFT, LEFT | {"radius_m": -60}))
    assert "curve" not in straight.canonical()["road"]
    assert left.canonical()["road"]["curve"]["radius_m"] == 60
    assert left.canonical() != right.canonical()
    assert parse_scenario(scenario_yaml(left).encode()).canonical() == left.canonical()
    boxes = {"format": 1, "name": "a", "boxes": [], "ego": {"speed_mps": 8}}
    plain, curved = (Scenario.model_validate(boxes | {"road": road}) for road in ({}, {"curve": LEFT}))
    assert "road" not in plain.canonical()
    assert plain.canonical() != curved.canonical()


def test_the_preview_draws_the_curve() -> None:
    assert not np.array_equal(preview_frame(scenario(), 1.0), preview_frame(scenario(curve=None), 1.0))


STEERED = "manoeuvres: [{type: keep_lane}]"
CAR = "actors:\n  - {category: car, distance_m: 30"
BAD = {
    "too tight": ("road: {curve: {radius_m: 12}}", "3:26: `radius_m`: expected at least 20 m to either side, got 12"),
    "no radius": ("road: {curve: {starts_m: 12}}", "3:15: `radius_m` is missing"),
    "misspelt": ("road: {curve: {radius: 90, radius_m: 90}}", "3:16: unknown key `radius`; did you mean `radius_m`?"),
    "no angle": ("road: {curve: {radius_m: 90, angle_deg: 0}}", "3:41: `angle_deg`: expected at least 1, got 0"),
    "more lanes than radius": (
        "road: {lanes: 2, oncoming_lanes: 8, lane_width_m: 6, curve: {radius_m: 40}}",
        "3:72: +57.0 m from the ego's lane is too near the centre of the `curve`, whose radius is 40 m",
    ),
    "an actor in the middle": (
        f"road: {{curve: {{radius_m: 30}}}}\n{CAR}, lateral_m: 29}}",
        "5:48: +29.0 m from the ego's lane is too near the centre of the `curve`, whose radius is 30 m",
    ),
    "a turn as well": (
        "road: {curve: {radius_m: 90}}\nego: {manoeuvres: [{type: turn, angle_deg: 20}]}",
        "4:27: `turn`: the ego already follows the `curve` of the road; remove one of the two",
    ),
    "too fast": (
        "road: {curve: {radius_m: 30}}\nego: {speed_mps: 25}",
        "4:6: E104 the ego needs 20.8 m/s² in the curve, but no tyre provides more than 12; slow down, or widen it",
    ),
    "an actor too fast": (
        f"road: {{curve: {{radius_m: 40}}}}\nego: {{speed_mps: 9}}\n{CAR}, speed_mps: 25, {STEERED}}}",
        "6:5: E104 car_0 needs 15.6 m/s² in the curve",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_curve_is_shown_at_its_place(name: str) -> None:
    content, message = BAD[name]
    with pytest.raises(ScenarioError) as caught:
        parse_scenario((HEAD + content).encode(), file="case.yaml")
    assert str(caught.value).splitlines()[0].startswith(f"case.yaml:{message}")


def test_a_fast_curve_is_a_warning() -> None:
    [warning] = check_content(f"{HEAD}road: {{curve: {{radius_m: 60}}}}\nego: {{speed_mps: 23}}".encode()).warnings
    assert warning.message == "W209 the ego needs 8.8 m/s² in the curve, as in an emergency; slow down, or widen it"
