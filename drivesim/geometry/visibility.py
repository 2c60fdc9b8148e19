"""What can be seen of outlines that hide one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely


@dataclass(frozen=True)
class Sight:
    """`amodal_box`: of the whole outline, also outside the picture. `visible_box`: of what is seen, None for nothing.

    Both are (x0, y0, x1, y1) in pixels. `visible_fraction`: area seen over the area of the outline.
    """

    amodal_box: tuple[float, float, float, float]
    visible_box: tuple[float, float, float, float] | None
    visible_fraction: float


def sights(solids: Sequence[np.ndarray], width_px: float, height_px: float) -> list[Sight]:
    """What a picture shows of convex solids, nearest first, by corners `k 2`: each hides those after it."""
    frame, hidden = shapely.box(0, 0, width_px, height_px), shapely.Polygon()
    result = []
    for points in solids:
        whole = shapely.MultiPoint(points).convex_hull
        inside = shapely.intersection(whole, frame)
        seen = shapely.difference(inside, hidden)
        fraction = min(1.0, seen.area / whole.area) if whole.area > 0 else 0.0
        box = tuple(float(edge) for edge in seen.bounds) if seen.area > 0 else None
        result.append(Sight(tuple(float(edge) for edge in whole.bounds), box, fraction))
        hidden = shapely.union(hidden, inside)
    return result
