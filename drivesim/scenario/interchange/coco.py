"""The layout of a scenario over time as COCO annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.scene import Scene
from drivesim.scenario.schema.vocabulary import CATEGORIES, FRAME_EXTENT_PX, FRAME_HEIGHT_PX, FRAME_WIDTH_PX


def coco(
    scenario: Scenario, fps: float = 10.0, folder: str | None = None, max_frames: int | None = None
) -> dict[str, Any]:
    """Returns a COCO document with one image per frame and one annotation per visible actor.

    `bbox` is (x, y, width, height) in pixels. Beside the keys of COCO, an annotation has `track_id` (the position among
    the actors), `amodal_bbox`, `visible_fraction`, `distance_m`, and `told`, which says whether the models are
    conditioned on the box. If no actor is steered, or the scenario consists of boxes, only the first frame is
    known. Ids of images, annotations and categories count from 1, and `segmentation` is the outline of the box.

    Args:
        scenario: The scenario.
        fps: Frame rate.
        folder: Folder of the pictures; by default the name of the scenario.
        max_frames: Largest number of frames, for when not all of them exist.
    """
    times, scene = scenario.known_times(fps)[:max_frames], scenario.scene
    annotations = [_of_boxes(scenario) if scene is None else _of_views(scene, time_s) for time_s in times]
    return coco_document(folder or scenario.name, times, annotations, "requested by the scenario")


def coco_document(
    folder: str, times_s: Sequence[float], annotations: Sequence[Sequence[dict[str, Any]]], description: str
) -> dict[str, Any]:
    """Returns a COCO document.

    Args:
        folder: Folder of the pictures.
        times_s: Time of each frame in seconds.
        annotations: Annotations of each frame, each with `category_id`, `bbox` and any other keys.
        description: What the annotations are.
    """
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
            # pycocotools treats an annotation with the id 0 as unmatched.
            shared = {"id": len(found) + 1, "image_id": image["id"], "area": width * height, "iscrowd": 0}
            found.append(shared | annotation | {"segmentation": [outline]})
    categories = [
        {"id": category_id(index), "name": name, "supercategory": "vehicle"} for index, name in enumerate(CATEGORIES)
    ]
    info = {"description": description}
    return {"info": info, "images": images, "annotations": found, "categories": categories}


def category_id(category: int) -> int:
    """Returns COCO's id of a category for its index in `CATEGORIES`; many tools take 0 for the background."""
    return int(category) + 1


def corner_and_size(box: tuple[float, ...] | np.ndarray) -> list[float]:
    """Returns COCO's `bbox` for the edges x0 y0 x1 y1."""
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return [x0, y0, x1 - x0, y1 - y0]


def _of_views(scene: Scene, time_s: float) -> list[dict[str, Any]]:
    return [
        {
            "category_id": category_id(CATEGORIES.index(view.category)),
            "bbox": corner_and_size(view.visible_box),
            "track_id": view.index,
            "amodal_bbox": corner_and_size(view.amodal_box),
            "visible_fraction": view.visible_fraction,
            "distance_m": view.distance_m,
            "told": view.may_be_requested,
        }
        for view in scene.views(time_s)
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
