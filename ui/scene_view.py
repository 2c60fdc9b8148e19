"""The contents of the drawing area for a document, as plain data for the browser."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.scenario import CATEGORIES, FRAME_HEIGHT_PX, FRAME_WIDTH_PX, MAX_BOXES, Scenario
from drivesim.scenario.previews import CATEGORY_COLOURS, ground_guide, preview_frame
from ui.document import Document
from ui.media import Media

_EXTENT = np.array([FRAME_WIDTH_PX, FRAME_HEIGHT_PX] * 2)


def scene_json(document: Document, media: Media) -> str:
    """Returns the value of the drawing area: the kind of first frame, its boxes in pixels, and the road as a guide."""
    scenario = document.scenario
    value: dict[str, Any] = {
        "width": FRAME_WIDTH_PX,
        "height": FRAME_HEIGHT_PX,
        "categories": list(CATEGORIES),
        "colours": {category: f"rgb{colour}" for category, colour in CATEGORY_COLOURS.items()},
        "maxBoxes": MAX_BOXES,
        "broken": scenario is None,
    }
    if scenario is not None:
        value |= {
            "kind": kind_of(scenario),
            "night": scenario.time_of_day == "night",
            "guide": asdict(ground_guide(scenario)),
            "boxes": _boxes(scenario),
            "boxActors": _box_actors(scenario),
            "actors": _actors(scenario),
        }
        if scenario.scene is not None:
            value["map"] = media.add(_bird_eye(scenario))
        if scenario.first_frame is not None:
            value["photo"] = f"/media/start/{Path(scenario.first_frame).name}"
    return json.dumps(value)


def kind_of(scenario: Scenario) -> str:
    """Returns the kind of first frame: `actors`, `picture`, `boxes`, or `model` if the model alone decides."""
    if scenario.actors is not None:
        return "actors"
    if scenario.first_frame is not None:
        return "picture"
    return "model" if scenario.boxes is None else "boxes"


def _boxes(scenario: Scenario) -> list[dict[str, Any]]:
    layout = scenario.layout()
    if layout is None:
        return []
    edges = np.round(layout.xyxy.astype(np.float64) * _EXTENT, 1).tolist()
    boxes = zip(layout.category.tolist(), edges, strict=True)
    return [{"category": CATEGORIES[category], "xyxy": xyxy} for category, xyxy in boxes]


def _box_actors(scenario: Scenario) -> list[str]:
    """Returns the id of the actor of each box, or an empty list if the boxes are drawn."""
    scene = scenario.scene
    return [] if scene is None else [view.id for view in scene.views(0.0) if view.may_be_requested]


def _actors(scenario: Scenario) -> list[dict[str, Any]]:
    scene = scenario.scene
    if scene is None or scenario.actors is None:
        return []
    return [
        {
            "id": scene.id_of(index),
            "category": actor.category,
            "distance_m": actor.distance_m,
            "lane": actor.lane,
            "lateral_m": actor.lateral_m,
            "speed_mps": actor.speed_mps,
            "manoeuvres": ", ".join(manoeuvre.type for manoeuvre in actor.manoeuvres),
        }
        for index, actor in enumerate(scenario.actors)
    ]


def _bird_eye(scenario: Scenario) -> np.ndarray:
    """Returns the road from above at the time of the first frame."""
    return _preview(scenario.model_dump_json())[:, FRAME_WIDTH_PX:]


@lru_cache(maxsize=16)
def _preview(scenario_json: str) -> np.ndarray:
    return preview_frame(Scenario.model_validate_json(scenario_json), 0.0)
