"""Boxes and labels drawn on frames: the one place that does it, for previews, composed frames, sheets and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from drivesim.geometry.boxes import to_pixels
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import CATEGORIES, ROAD_KINDS, RoadKind

Colour = tuple[int, int, int]

CATEGORY_COLOURS: dict[str, Colour] = {
    "car": (255, 215, 0),
    "van": (0, 220, 255),
    "truck": (255, 90, 60),
    "bus": (130, 255, 90),
}
WHITE: Colour = (255, 255, 255)
_FIXED_POINT_BITS = 4
_FAR_PX = 4000
"""Edges farther outside the picture are drawn here; OpenCV cannot draw at any distance."""


def draw_box(picture: np.ndarray, edges_px: Sequence[float] | np.ndarray, colour: Colour, thickness: int = 2) -> None:
    """Draws the outline of one box into a picture.

    Args:
        picture: The picture, uint8 `h w 3`, which is changed.
        edges_px: Edges x0, y0, x1, y1 in pixels, the far ones exclusive.
        colour: Colour of the outline, in the order of the picture's channels.
        thickness: Width of the outline in pixels.
    """
    x0, y0, x1, y1 = (int(edge) for edge in np.round(np.clip(np.asarray(edges_px, float), -_FAR_PX, _FAR_PX)))
    cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, thickness)


def draw_boxes(picture: np.ndarray, xyxy: np.ndarray, colour: Colour, thickness: int = 1) -> None:
    """Draws the outlines of boxes `n 4` in 0..1 into a picture, all in one colour."""
    height, width = picture.shape[:2]
    for edges in to_pixels(xyxy, width, height):
        draw_box(picture, edges, colour, thickness)


def draw_layout(picture: np.ndarray, layout: SceneLayout, thickness: int = 2, labelled: bool = False) -> None:
    """Draws the boxes of a layout into a picture, each in the colour of its category and, if asked, with its name."""
    height, width = picture.shape[:2]
    for number, (edges, index) in enumerate(zip(to_pixels(layout.xyxy, width, height), layout.category, strict=True)):
        category = CATEGORIES[index]
        draw_box(picture, edges, CATEGORY_COLOURS[category], thickness)
        if labelled:
            draw_label(picture, f"{category}_{number}", edges, CATEGORY_COLOURS[category])


def draw_road(picture: np.ndarray, road: RoadView, colours: Mapping[RoadKind, Colour]) -> None:
    """Draws the lines and areas of a road into a picture, areas first, each in the colour of its kind."""
    height, width = picture.shape[:2]
    for kind, points in sorted(road.elements, key=lambda element: ROAD_KINDS[element[0]] != "drivable_area"):
        name = ROAD_KINDS[kind]
        places = ((points * (width, height) - 0.5) * (1 << _FIXED_POINT_BITS)).round().astype(np.int32)
        if name == "drivable_area":
            cv2.fillPoly(picture, [places], colours[name], cv2.LINE_AA, _FIXED_POINT_BITS)
        else:
            cv2.polylines(picture, [places], False, colours[name], 1, cv2.LINE_AA, _FIXED_POINT_BITS)


def draw_label(picture: np.ndarray, text: str, edges_px: Sequence[float] | np.ndarray, colour: Colour) -> None:
    """Writes a label above a box, or inside the picture where the box begins outside it."""
    draw_text(picture, text, (round(float(max(edges_px[0], 2))), round(float(max(edges_px[1], 44))) - 5), colour)


def draw_text(picture: np.ndarray, text: str, place: tuple[int, int], colour: Colour, size: float = 0.55) -> None:
    """Writes a line of text on a darkened background; `place` is the left end of its base line in pixels."""
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    x, y = place
    behind = picture[max(0, y - height - 2) : y + below, max(0, x - 2) : x + width + 2]
    behind[:] = behind // 3
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
