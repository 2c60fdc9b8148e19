"""What each stage is told about a scenario."""

from __future__ import annotations

import torch

from drivesim.models.conditioning import BoxLayout, Conditioning
from drivesim.scenario import Scenario
from drivesim.scenario.vocabulary import TIMES_OF_DAY

LABELS = ("time_of_day", "crowdedness")


def first_frame_conditions(scenario: Scenario) -> Conditioning:
    """Boxes, time of day and crowdedness of the first frame, for one sample; what is not given is unknown."""
    layout = scenario.layout()
    if layout is None:
        return scene_labels(scenario, 1)
    boxes = BoxLayout(
        xyxy=torch.from_numpy(layout.xyxy)[None, None],
        category=torch.from_numpy(layout.category)[None, None],
        known=torch.ones(1, dtype=torch.bool),
    )
    labels = scene_labels(scenario, 1)
    return Conditioning(boxes=boxes, time_of_day=labels.time_of_day, crowdedness=labels.crowdedness)


def scene_labels(scenario: Scenario, batch: int) -> Conditioning:
    """Time of day and crowdedness for `batch` samples."""
    time_of_day = None if scenario.time_of_day is None else TIMES_OF_DAY.index(scenario.time_of_day)
    return Conditioning(time_of_day=_repeated(time_of_day, batch), crowdedness=_repeated(scenario.crowdedness, batch))


def _repeated(value: int | None, batch: int) -> torch.Tensor | None:
    return None if value is None else torch.full((batch,), value)
