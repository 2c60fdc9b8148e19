"""The layout of a scenario over time as COCO annotations, for tools that read those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivesim.scenario.schema.known_frames import known_times
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.vocabulary import CATEGORIES, FRAME_EXTENT_PX, FRAME_HEIGHT_PX, FRAME_WIDTH_PX


def coco(
    scenario: Scenario, fps: float = 10.0, folder: str | None = None, max_frames: int | None = None
) -> dict[str, Any]:
    """A COCO document: an image per frame, an annotation per actor in view, `bbox` (x, y, width, height) in pixels.

    Ids of images, annotations and categories count from 1, as tools expect, and `segmentation` is the outline of the
    box. Beside the keys of COCO there are `track_id` (place among the actors), `amodal_bbox`, `visible_fraction`,
    `distance_m`, and `told`, whether the models are conditioned on it. Where no actor is steered, and of boxes, there
    is only the first frame.

    Args:
        scenario: What is annotated.
        fps: Frames per second.
        folder: Of the pictures; by default the scenario's name.
        max_frames: No more of them, where not all exist.
    """
    times, scene = known_times(scenario, fps)[:max_frames], scenario.scene
    annotations = [_of_boxes(scenario) if scene is None else _of_views(scenario, time_s) for time_s in times]
    return coco_document(folder or scenario.name, times, annotations, "requested: what the scenario asks for")


def coco_document(
    folder: str, times_s: Sequence[float], annotations: Sequence[Sequence[dict[str, Any]]], description: str
) -> dict[str, Any]:
    """Annotations of each frame (`category_id`, `bbox` and more) as a document; `description` says whose they are."""
    images = [
        {"id": number + 1, "width": FRAME_WIDTH_PX, "height": FRAME_HEIGHT_PX, "time_s": time_s}
        | {"file_name": f"{folder}/{number:06d}.png"}
        for number, time_s in enumerate(times_s)
    ]
    found: list[dict[str, Any]] = []
    for image, of_frame in zip(images, annotations, strict=True):
        for annotation in of_frame:
            x, y, width, height = annotation["bbox"]
            outline = [x, y, x + width, y, x + width, y + height, x, y + height]
            shared = {"id": len(found) + 1, "image_id": image["id"], "area": width * height, "iscrowd": 0}
            found.append(shared | annotation | {"segmentation": [outline]})
    categories = [
        {"id": category_id(index), "name": name, "supercategory": "vehicle"} for index, name in enumerate(CATEGORIES)
    ]
    info = {"description": description}
    return {"info": info, "images": images, "annotations": found, "categories": categories}


def category_id(category: int) -> int:
    """COCO's id of a category, whose place in `CATEGORIES` is given: 0 is the background for many tools."""
    return int(category) + 1


def corner_and_size(box: tuple[float, ...] | np.ndarray) -> list[float]:
    """COCO's `bbox` of edges x0 y0 x1 y1."""
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return [x0, y0, x1 - x0, y1 - y0]


def _of_views(scenario: Scenario, time_s: float) -> list[dict[str, Any]]:
    return [
        {
            "category_id": category_id(CATEGORIES.index(view.category)),
            "bbox": corner_and_size(view.visible_box),
            "track_id": view.index,
            "amodal_bbox": corner_and_size(view.amodal_box),
            "visible_fraction": view.visible_fraction,
            "distance_m": view.distance_m,
            "told": view.large_enough,
        }
        for view in scenario.scene.views(time_s)
        if view.visible_box is not None
    ]


def _of_boxes(scenario: Scenario) -> list[dict[str, Any]]:
    layout = scenario.layout()
    if layout is None:
        return []
    return [
        {"category_id": category_id(category), "bbox": corner_and_size(box), "track_id": number, "told": True}
        for number, (box, category) in enumerate(zip(layout.xyxy * FRAME_EXTENT_PX, layout.category, strict=True))
    ]
