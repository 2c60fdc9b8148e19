"""The conditions that a scenario gives to each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from drivesim.engine.road_conditions import box_colours, box_headings, road_layout
from drivesim.models.conditioning import UNKNOWN, BoxLayout, Conditioning, EgoMotion
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.vocabulary import TIMES_OF_DAY


def first_frame_conditions(scenario: Scenario) -> Conditioning:
    """Returns the conditions of the first frame for one sample: boxes, road, time of day and crowdedness."""
    layout = scenario.layout()
    if layout is None:
        return scene_labels(scenario)
    conditions = _of_layouts([layout], (1, 1))
    labels = scene_labels(scenario)
    road = road_layout(scenario, np.zeros((1, 1)))
    return replace(conditions, road=road, time_of_day=labels.time_of_day, crowdedness=labels.crowdedness)


def conditioned_layouts(conditions: Conditioning) -> list[SceneLayout]:
    """Returns the boxes in the conditions of single frames, as one layout per sample without padding.

    Raises:
        ValueError: The conditions hold no boxes.
    """
    if conditions.boxes is None:
        raise ValueError("these conditions hold no boxes")
    xyxy, category = conditions.boxes.xyxy[:, 0].numpy(), conditions.boxes.category[:, 0].numpy()
    return [SceneLayout(boxes[c != UNKNOWN], c[c != UNKNOWN]) for boxes, c in zip(xyxy, category, strict=True)]


def scene_labels(scenario: Scenario) -> Conditioning:
    """Returns time of day and crowdedness for one sample."""
    time_of_day = None if scenario.time_of_day is None else torch.tensor([time_of_day_index(scenario)])
    crowdedness = None if scenario.crowdedness is None else torch.tensor([scenario.crowdedness])
    return Conditioning(time_of_day=time_of_day, crowdedness=crowdedness)


def keyframe_conditions(scenario: Scenario, times_s: Sequence[float]) -> Conditioning:
    """Returns the conditions of the keyframes at `times_s`, counted from the first frame, for one sample.

    These are the labels, the boxes if an actor is steered, and the ego motion if the scenario gives it or boxes depend
    on it.
    """
    labels, times = scene_labels(scenario), np.asarray(times_s, dtype=float)
    steered = steered_conditions(scenario, times[None])
    if steered.boxes is None and scenario.ego is None:
        return labels
    ego = scenario.ego_trajectory
    motion = np.stack([ego.at(times).speed_mps, ego.yaw_rate(times)], -1)[None].astype(np.float32)
    known = torch.ones(1, dtype=torch.bool)
    return replace(
        steered,
        road=steered.road or road_layout(scenario, times[None]),
        time_of_day=labels.time_of_day,
        crowdedness=labels.crowdedness,
        ego_motion=EgoMotion(torch.from_numpy(motion), known),
    )


def clip_conditions(scenario: Scenario, times_s: np.ndarray) -> Conditioning:
    """Returns the conditions of clips of frames at `times_s` `b t` from the first frame: steered vehicles and road.

    The road is known if the path of the ego is, either because the scenario gives it or because steered vehicles depend
    on it.
    """
    steered = steered_conditions(scenario, times_s)
    if steered.road is None and scenario.ego is not None:
        return replace(steered, road=road_layout(scenario, times_s))
    return steered


def steered_conditions(scenario: Scenario, times_s: np.ndarray) -> Conditioning:
    """Returns vehicles and road of frames at `times_s` `b t` from the first frame, or nothing if no actor is steered.

    The models take a layout as complete, so it also holds the actors without a manoeuvre, at constant speed.
    """
    scene = scenario.scene
    if scene is None or not scene.steered:
        return Conditioning()
    conditions = _of_layouts([scene.layout(time) for time in times_s.ravel()], times_s.shape)
    return replace(conditions, road=road_layout(scenario, times_s))


def _of_layouts(layouts: Sequence[SceneLayout], shape: tuple[int, ...]) -> Conditioning:
    """Returns the boxes of frames `b t` with headings and colours."""
    most = max(map(len, layouts))
    xyxy = np.zeros((len(layouts), most, 4), np.float32)
    category = np.full((len(layouts), most), UNKNOWN, np.int64)
    for row, layout in enumerate(layouts):
        xyxy[row, : len(layout)], category[row, : len(layout)] = layout.xyxy, layout.category
    boxes = BoxLayout(
        xyxy=torch.from_numpy(xyxy.reshape(*shape, most, 4)),
        category=torch.from_numpy(category.reshape(*shape, most)),
        known=torch.ones(shape[0], dtype=torch.bool),
    )
    places = (*shape, most)
    return Conditioning(boxes, box_headings(layouts, places), box_colours(layouts, places))


def time_of_day_index(scenario: Scenario) -> int:
    """Returns the index of the time of day in the models' labels; `UNKNOWN` if the scenario leaves it to them."""
    return UNKNOWN if scenario.time_of_day is None else TIMES_OF_DAY.index(scenario.time_of_day)
