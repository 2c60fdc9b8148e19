from __future__ import annotations

import torch

from drivesim.engine.conditions import first_frame_conditions, scene_labels
from drivesim.scenario import Scenario


def test_boxes_are_normalised_and_labels_are_indices(scenario: Scenario) -> None:
    conditions = first_frame_conditions(scenario)
    assert conditions.boxes.known.all()
    assert conditions.boxes.category.tolist() == [[[2]]]
    expected = torch.tensor([400 / 1024, 260 / 512, 520 / 1024, 340 / 512])
    assert torch.allclose(conditions.boxes.xyxy[0, 0, 0], expected)
    assert (conditions.time_of_day.tolist(), conditions.crowdedness.tolist()) == ([1], [2])


def test_what_a_scenario_leaves_open_is_unknown() -> None:
    scenario = Scenario.model_validate({"format": 1, "name": "open"})
    conditions = first_frame_conditions(scenario)
    assert (conditions.boxes, conditions.time_of_day, conditions.crowdedness) == (None, None, None)
    assert scene_labels(scenario).time_of_day is None


def test_no_boxes_is_a_known_empty_layout() -> None:
    boxes = first_frame_conditions(Scenario.model_validate({"format": 1, "name": "empty", "boxes": []})).boxes
    assert boxes.known.all()
    assert boxes.xyxy.shape == (1, 1, 0, 4)
