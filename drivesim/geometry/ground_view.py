"""Lines and areas on a flat road as a camera sees them: clipped at the near plane and at the frame, in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.cuboids import NEAR_M, seen_from

MAX_ROAD_DISTANCE_M = 150.0
"""Largest distance ahead; at this distance a lane is a few pixels wide."""
_MAX_ASIDE_M = 400.0
_TOLERANCE = 1e-4
"""Points may be left out if the outline moves by no more than this, in widths of the frame."""
_FEWEST_POINTS = {1: 2, 2: 3}
"""Fewest points of a line and of an area, by dimension."""


@dataclass(frozen=True, eq=False)
class GroundShapes:
    """Lines and areas on the ground.

    Attributes:
        shapes: Shapely lines and polygons in metres, an array `n` of objects.
        kind: Kind of each shape, `n`; its meaning is defined by the caller.
    """

    shapes: np.ndarray
    kind: np.ndarray

    @classmethod
    def of(cls, lines: list[tuple[int, np.ndarray]], areas: list[tuple[int, np.ndarray]]) -> GroundShapes:
        """Returns lines through places `k 2` and areas bounded by places `k 2`, each with its kind."""
        shapes = np.empty(len(lines) + len(areas), object)
        shapes[: len(lines)] = [shapely.linestrings(places) for _, places in lines]
        shapes[len(lines) :] = [shapely.polygons(places) for _, places in areas]
        return cls(shapes, np.array([kind for kind, _ in (*lines, *areas)], np.int64))


@dataclass(frozen=True, eq=False)
class ShapesInView:
    """Lines and areas in a frame.

    Attributes:
        kind: Kind of each line or area, `e`.
        points: Points `k 2` of each shape in pixels, in order; the outline of an area repeats no point.
    """

    kind: np.ndarray
    points: list[np.ndarray]


def in_view(
    ground: GroundShapes, position_m: np.ndarray, heading_rad: float | np.ndarray, camera: PinholeCamera
) -> ShapesInView:
    """Returns the parts of lines and areas that a frame shows if nothing hides them.

    Args:
        ground: Lines and areas.
        position_m: Place `2` of the camera on the ground.
        heading_rad: Heading of the camera, 0 along y and positive to the left.
        camera: The camera.
    """
    level = shapely.transform(ground.shapes, lambda places: seen_from(places, position_m, heading_rad))
    cos, sin = np.cos(camera.pitch_rad), np.sin(camera.pitch_rad)
    nearest = (NEAR_M + camera.height_m * sin) / cos  # the near plane cuts the ground in a line across the view
    ahead = shapely.clip_by_rect(level, -_MAX_ASIDE_M, nearest, _MAX_ASIDE_M, MAX_ROAD_DISTANCE_M)
    kept = ~shapely.is_empty(ahead)
    pixels = shapely.transform(ahead[kept], lambda places: _projected(places, camera))
    framed = shapely.clip_by_rect(pixels, 0, 0, camera.width_px, camera.height_px)
    parts, index = shapely.get_parts(framed, return_index=True)
    parts = shapely.simplify(parts, _TOLERANCE * camera.width_px)
    kind, points = [], []
    for part, number in zip(parts, ground.kind[kept][index], strict=True):
        found = shapely.get_coordinates(part)
        if part.geom_type == "Polygon":
            found = found[:-1]
        if len(found) >= _FEWEST_POINTS.get(shapely.get_dimensions(part), np.inf):
            kind.append(number)
            points.append(found)
    return ShapesInView(np.array(kind, np.int64), points)


def _projected(places: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    return camera.project(np.column_stack([places, np.zeros(len(places))]))[0]
