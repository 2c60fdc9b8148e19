from __future__ import annotations

import numpy as np
import pytest
import torch

from drivesim.engine import Engine
from drivesim.engine.conditions import clip_conditions, keyframe_conditions, scene_labels, steered_conditions
from drivesim.models.conditioning import UNKNOWN, Conditioning
from drivesim.scenario import Scenario

LEAD = {"category": "car", "distance_m": 14, "speed_mps": 10}
CUT_IN = {"type": "cut_in", "start_s": 0.4, "duration_s": 2}


def scene(*actors: dict, **fields: object) -> Scenario:
    given = {"format": 1, "name": "steered", "actors": actors, "duration_s": 2.0, "seed": 3, "sampling": {"steps": 2}}
    return Scenario.model_validate({**given, "road": {"ego_lane": 1}, **fields})


def test_actors_without_manoeuvres_are_told_in_the_first_frame_only() -> None:
    placed = scene(LEAD)
    assert len(placed.layout()) == 1
    told = keyframe_conditions(placed, [0.0, 0.4])
    assert (told.boxes, told.ego_motion) == (None, None)
    assert steered_conditions(placed, np.zeros((2, 5))) == clip_conditions(placed, np.zeros((2, 5))) == Conditioning()


def test_a_scenario_of_boxes_is_told_what_it_always_was(scenario: Scenario) -> None:
    assert keyframe_conditions(scenario, [0.0, 0.4]) == scene_labels(scenario)


def test_steered_boxes_follow_the_scene_frame_by_frame() -> None:
    ahead = LEAD | {"lane": 1, "distance_m": 40, "heading_deg": 0}
    steered = scene({**LEAD, "lane": -1, "manoeuvres": [CUT_IN]}, ahead)
    times = np.array([[0.0, 1.4], [2.0, 2.4]])
    boxes = steered_conditions(steered, times).boxes
    assert boxes.xyxy.shape == (2, 2, 2, 4)
    for row, column in np.ndindex(2, 2):
        layout = steered.scene.layout(times[row, column])
        np.testing.assert_array_equal(boxes.xyxy[row, column, : len(layout)], layout.xyxy)
        np.testing.assert_array_equal(boxes.category[row, column, : len(layout)], layout.category)
    centres = boxes.xyxy[..., 0, [0, 2]].mean(-1).ravel()
    assert centres[0] > centres[1] > centres[2]
    assert centres[3] == pytest.approx(0.5, abs=1e-6)


def test_a_frame_in_which_nobody_is_left_is_known_and_empty() -> None:
    leaving = scene({**LEAD, "distance_m": 5, "speed_mps": 0, "manoeuvres": [{"type": "keep_lane"}]})
    boxes = steered_conditions(leaving, np.array([[0.0, 3.0]])).boxes
    assert boxes.category.tolist() == [[[0], [UNKNOWN]]]
    assert boxes.known.all()


def test_ego_motion_is_told_where_it_is_given() -> None:
    turning = scene(LEAD, ego={"speed_mps": 8, "manoeuvres": [{"type": "turn", "duration_s": 2, "angle_deg": 30}]})
    motion = keyframe_conditions(turning, [0.0, 1.0, 2.0]).ego_motion.values[0]
    assert motion[:, 0].tolist() == [8, 8, 8]
    assert motion[1, 1] == pytest.approx(np.deg2rad(30) / 2 * 15 / 8, abs=1e-3)
    assert motion[0, 1] == pytest.approx(0, abs=1e-3)


def test_a_manoeuvre_changes_the_video_and_not_the_first_keyframe(engine: Engine) -> None:
    placed, steered = scene(LEAD), scene({**LEAD, "manoeuvres": [{"type": "brake", "start_s": 0.2, "duration_s": 1}]})
    latents = [engine.future(each).predict(0, None).latents for each in (placed, steered)]
    np.testing.assert_array_equal(latents[0][0], latents[1][0])
    assert not np.array_equal(latents[0][1:], latents[1][1:])
    frames = [
        [step.frames for step in engine.future(each).render(0, latents[0], None) if step.frames is not None]
        for each in (placed, steered)
    ]
    assert frames[0][0].shape == frames[1][0].shape


def test_interpolation_is_told_the_boxes_between_keyframes(engine: Engine) -> None:
    steered = scene({**LEAD, "manoeuvres": [CUT_IN]})
    timeline = engine.timeline(steered)
    times = timeline.clip_times(0, range(3, 5))
    assert times[0][0] == pytest.approx(3 / 2.5)
    assert times[0][-1] == times[1][0] == pytest.approx(4 / 2.5)
    assert timeline.clip_times(1, range(4, 5))[0][1] == pytest.approx(1 / 2.5 + 1 / 40)
    told = clip_conditions(steered, np.array(times))
    assert torch.equal(told.boxes.xyxy[0, -1], told.boxes.xyxy[1, 0])
    assert torch.equal(told.road.coverage[0, -1], told.road.coverage[1, 0])
