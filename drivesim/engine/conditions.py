"""What each stage is conditioned on for a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from drivesim.models.conditioning import UNKNOWN, BoxLayout, Conditioning, EgoMotion
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.vocabulary import TIMES_OF_DAY

LABELS = ("time_of_day", "crowdedness")


def first_frame_conditions(scenario: Scenario) -> Conditioning:
    """Boxes, time of day and crowdedness of the first frame, for one sample; what the scenario omits is unknown."""
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


def told_layouts(conditions: Conditioning) -> list[SceneLayout]:
    """The boxes in the conditions of single frames: one layout per sample, without padding."""
    if conditions.boxes is None:
        raise ValueError("these conditions hold no boxes")
    xyxy, category = conditions.boxes.xyxy[:, 0].numpy(), conditions.boxes.category[:, 0].numpy()
    return [SceneLayout(boxes[c != UNKNOWN], c[c != UNKNOWN]) for boxes, c in zip(xyxy, category, strict=True)]


def scene_labels(scenario: Scenario) -> Conditioning:
    """Time of day and crowdedness, for one sample."""
    time_of_day = None if scenario.time_of_day is None else torch.tensor([time_of_day_index(scenario)])
    crowdedness = None if scenario.crowdedness is None else torch.tensor([scenario.crowdedness])
    return Conditioning(time_of_day=time_of_day, crowdedness=crowdedness)


def keyframe_conditions(scenario: Scenario, times_s: Sequence[float]) -> Conditioning:
    """Conditions of the keyframes at `times_s`, counted from the first frame, for one sample.

    These are the labels, the boxes if an actor is steered, and the ego motion if the scenario gives it or boxes depend
    on it.
    """
    labels, times = scene_labels(scenario), np.asarray(times_s, dtype=float)
    boxes = steered_boxes(scenario, times[None])
    if boxes is None and scenario.ego is None:
        return labels
    ego = scenario.ego_trajectory
    motion = np.stack([ego.at(times).speed_mps, ego.yaw_rate(times)], -1)[None].astype(np.float32)
    known = torch.ones(1, dtype=torch.bool)
    return replace(labels, boxes=boxes, ego_motion=EgoMotion(torch.from_numpy(motion), known))


def steered_boxes(scenario: Scenario, times_s: np.ndarray) -> BoxLayout | None:
    """Boxes of the frames at `times_s` `b t`, counted from the first frame; None if no actor is steered.

    The models take a layout as complete, so it also holds the actors without a manoeuvre, at constant speed.
    """
    scene = scenario.scene
    if scene is None or not scene.steered:
        return None
    layouts = [scene.layout(time) for time in times_s.ravel()]
    most = max(1, *(len(layout) for layout in layouts))
    xyxy = np.zeros((len(layouts), most, 4), np.float32)
    category = np.full((len(layouts), most), UNKNOWN, np.int64)
    for row, layout in enumerate(layouts):
        xyxy[row, : len(layout)], category[row, : len(layout)] = layout.xyxy, layout.category
    return BoxLayout(
        xyxy=torch.from_numpy(xyxy.reshape(*times_s.shape, most, 4)),
        category=torch.from_numpy(category.reshape(*times_s.shape, most)),
        known=torch.ones(len(times_s), dtype=torch.bool),
    )


def time_of_day_index(scenario: Scenario) -> int:
    """The models' label of the time of day; `UNKNOWN` if the scenario leaves it to them."""
    return UNKNOWN if scenario.time_of_day is None else TIMES_OF_DAY.index(scenario.time_of_day)
