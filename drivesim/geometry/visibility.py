"""Which parts of outlines that hide one another are visible in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sight:
    """How much of one outline is visible; boxes are (x0, y0, x1, y1) in pixels.

    Attributes:
        amodal_box: Box around the whole outline, which may reach beyond the picture and behind other outlines.
        visible_box: Box around the visible part, or None if nothing is visible.
        visible_fraction: Visible area, as a fraction of the area of the outline.
    """

    amodal_box: Box
    visible_box: Box | None
    visible_fraction: float


def sights(solids: Sequence[np.ndarray], width_px: float, height_px: float) -> list[Sight]:
    """Returns how much of each convex solid a picture shows.

    Args:
        solids: Corners `k 2` of each solid in pixels, nearest first; each solid hides those after it.
        width_px: Width of the picture.
        height_px: Height of the picture.
    """
    frame: BaseGeometry = shapely.box(0, 0, width_px, height_px)
    hidden: BaseGeometry = shapely.Polygon()
    result = []
    for points in solids:
        whole = shapely.MultiPoint(points).convex_hull
        inside = shapely.intersection(whole, frame)
        seen = shapely.difference(inside, hidden)
        fraction = min(1.0, seen.area / whole.area) if whole.area > 0 else 0.0
        result.append(Sight(_bounds(whole), _bounds(seen) if seen.area > 0 else None, fraction))
        hidden = shapely.union(hidden, inside)
    return result


def _bounds(shape: BaseGeometry) -> Box:
    x0, y0, x1, y1 = (float(edge) for edge in shape.bounds)
    return x0, y0, x1, y1
