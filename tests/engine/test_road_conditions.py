"""Scenarios in metres tell the models the road, and boxes and actors which way they face and their colour."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drivesim.engine.conditions import clip_conditions, first_frame_conditions, keyframe_conditions
from drivesim.models.conditioning import UNKNOWN
from drivesim.models.road_raster import draw_road
from drivesim.scenario import Scenario
from drivesim.scenario.schema.vocabulary import COLOURS

LEAD = {"category": "car", "distance_m": 14, "speed_mps": 10}
ONCOMING = {"category": "van", "distance_m": 30, "lane": 2}


def scenario(**fields: object) -> Scenario:
    return Scenario.model_validate({"format": 1, "name": "roads", "duration_s": 2.0, **fields})


def test_a_scenario_in_pixels_tells_no_road() -> None:
    boxes = [{"category": "car", "xyxy": [100, 200, 200, 260]}]
    for in_pixels in (scenario(boxes=boxes, road={"lanes": 3}), scenario(ego={"speed_mps": 5})):
        assert first_frame_conditions(in_pixels).road is None
        assert keyframe_conditions(in_pixels, [0.0, 0.4]).road is None
        assert clip_conditions(in_pixels, np.zeros((1, 2))).road is None


def test_the_road_of_the_first_frame_is_that_of_the_scene() -> None:
    placed = scenario(actors=[LEAD], road={"curve": {"radius_m": 60}})
    road = first_frame_conditions(placed).road
    assert road is not None
    assert placed.scene is not None
    np.testing.assert_array_equal(road.coverage[0, 0], draw_road(placed.scene.road_view(0.0)))


def test_later_frames_have_a_road_only_if_the_path_of_the_ego_is_known() -> None:
    times = [0.0, 0.4, 0.8]
    assert keyframe_conditions(scenario(actors=[LEAD]), times).road is None
    braking = {**LEAD, "manoeuvres": [{"type": "brake", "start_s": 0.2, "duration_s": 1}]}
    for known in (scenario(actors=[LEAD], ego={"speed_mps": 8}), scenario(actors=[braking])):
        keyframes, clips = keyframe_conditions(known, times).road, clip_conditions(known, np.array([times])).road
        assert keyframes is not None
        assert clips is not None
        assert keyframes.known.all()
        assert torch.equal(keyframes.coverage, clips.coverage)
        assert not torch.equal(keyframes.coverage[0, 0], keyframes.coverage[0, 1]), "dashes come nearer"


def test_a_standing_ego_sees_the_same_road() -> None:
    road = keyframe_conditions(scenario(actors=[LEAD], ego={"speed_mps": 0}), [0.0, 1.0]).road
    assert road is not None
    assert torch.equal(road.coverage[0, 0], road.coverage[0, 1])


def test_actors_tell_their_heading_relative_to_the_line_of_sight_and_their_colour() -> None:
    told = first_frame_conditions(scenario(actors=[{**LEAD, "colour": "red"}, ONCOMING]))
    assert told.box_headings is not None
    assert told.box_colours is not None
    lead, oncoming = told.box_headings.angle_rad[0, 0].tolist()
    assert lead == pytest.approx(0, abs=1e-6)
    sight = np.arctan2(7.0, 30 + 5.5 / 2)
    assert oncoming == pytest.approx(np.pi - sight, abs=1e-5)
    assert told.box_colours.index[0, 0].tolist() == [COLOURS.index("red"), UNKNOWN]


def test_a_vehicle_that_crosses_to_the_left_has_a_positive_heading() -> None:
    crossing = {"category": "car", "distance_m": 12, "lateral_m": -1, "heading_deg": 90}
    headings = first_frame_conditions(scenario(actors=[crossing])).box_headings
    assert headings is not None
    assert 1.4 < float(headings.angle_rad[0, 0, 0]) < 1.8


def test_boxes_tell_what_they_say_and_nothing_else() -> None:
    edges = {"category": "car", "xyxy": [100, 200, 200, 260]}
    said = {**edges, "heading_deg": -90, "colour": "blue"}
    told = first_frame_conditions(scenario(boxes=[edges, said]))
    assert told.box_headings is not None
    assert told.box_colours is not None
    assert torch.isnan(told.box_headings.angle_rad[0, 0, 0])
    assert float(told.box_headings.angle_rad[0, 0, 1]) == pytest.approx(-np.pi / 2)
    assert told.box_colours.index[0, 0].tolist() == [UNKNOWN, COLOURS.index("blue")]


def test_identities_of_scenarios_that_say_neither_are_what_they_were() -> None:
    edges = {"category": "car", "xyxy": [0, 0, 512, 256]}
    assert scenario(boxes=[edges]).canonical()["boxes"] == [["car", 0.0, 0.0, 0.5, 0.5]]
    assert scenario(boxes=[{**edges, "colour": "red"}]).canonical()["boxes"][0][-1] == {"colour": "red"}
    assert "colour" not in scenario(actors=[LEAD]).canonical()["actors"][0]
    assert scenario(actors=[{**LEAD, "colour": "red"}]).canonical()["actors"][0]["colour"] == "red"
