"""What each stage is told about a scenario."""

from __future__ import annotations

import torch

from drivesim.models.conditioning import UNKNOWN, BoxLayout, Conditioning
from drivesim.scenario import Scenario
from drivesim.scenario.vocabulary import TIMES_OF_DAY

LABELS = ("time_of_day", "crowdedness")


def first_frame_conditions(scenario: Scenario) -> Conditioning:
    """Boxes, time of day and crowdedness of the first frame, for one sample; what is not given is unknown."""
    layout = scenario.layout()
    if layout is None:
        return scene_labels(scenario)
    boxes = BoxLayout(
        xyxy=torch.from_numpy(layout.xyxy)[None, None],
        category=torch.from_numpy(layout.category)[None, None],
        known=torch.ones(1, dtype=torch.bool),
    )
    labels = scene_labels(scenario)
    return Conditioning(boxes=boxes, time_of_day=labels.time_of_day, crowdedness=labels.crowdedness)


def scene_labels(scenario: Scenario) -> Conditioning:
    """Time of day and crowdedness, for one sample."""
    time_of_day = None if scenario.time_of_day is None else torch.tensor([time_of_day_index(scenario)])
    crowdedness = None if scenario.crowdedness is None else torch.tensor([scenario.crowdedness])
    return Conditioning(time_of_day=time_of_day, crowdedness=crowdedness)


def time_of_day_index(scenario: Scenario) -> int:
    """The models' label of the time of day, `UNKNOWN` where the scenario leaves it to them."""
    return UNKNOWN if scenario.time_of_day is None else TIMES_OF_DAY.index(scenario.time_of_day)
