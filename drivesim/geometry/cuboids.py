"""Vehicles as upright cuboids on the road: their corners, places in the picture, and overlap on the ground."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from drivesim.geometry.camera import PinholeCamera

NEAR_M = 0.8
"""The camera sees nothing that is nearer than this."""

_CORNERS = np.array([(x, y, z) for z in (0.0, 1.0) for y in (-0.5, 0.5) for x in (-0.5, 0.5)])
_PAIRS = np.array(list(combinations(range(8), 2)))


def footprint(position_m: np.ndarray, heading_rad: np.ndarray | float, length_m: float, width_m: float) -> np.ndarray:
    """Returns the corners `... 4 2` of vehicles on the ground, in order around each vehicle.

    Args:
        position_m: Middles `... 2`.
        heading_rad: Headings `...`, 0 along y and positive to the left.
        length_m: Length of each vehicle.
        width_m: Width of each vehicle.
    """
    around = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]) * (width_m, length_m)
    return _turned(around, heading_rad) + np.asarray(position_m)[..., None, :]


def corners(position_m: np.ndarray, heading_rad: np.ndarray | float, size_m: tuple[float, float, float]) -> np.ndarray:
    """Returns the corners `8 3` of one cuboid; `size_m` is its length, width and height."""
    length, width, height = size_m
    local = _CORNERS * (width, length, height)
    return np.column_stack([_turned(local[:, :2], heading_rad) + position_m, local[:, 2]])


def seen_from(points: np.ndarray, position_m: np.ndarray, heading_rad: np.ndarray | float) -> np.ndarray:
    """Returns points `... 3` of the road in the axes of a viewer at `position_m` `2` who looks along `heading_rad`."""
    level = _turned(points[..., :2] - position_m, -heading_rad)
    return np.concatenate([level, points[..., 2:]], axis=-1)


def projected(points: np.ndarray, camera: PinholeCamera) -> np.ndarray | None:
    """Returns pixels `k 2` that span the part of a cuboid `8 3` beyond the near plane, or None if there is none."""
    _, depth = camera.project(points)
    beyond = depth >= NEAR_M
    kept = points[beyond]
    if not beyond.all():
        first, second = points[_PAIRS[:, 0]], points[_PAIRS[:, 1]]
        crosses = beyond[_PAIRS[:, 0]] != beyond[_PAIRS[:, 1]]
        start, stop = depth[_PAIRS[crosses, 0]], depth[_PAIRS[crosses, 1]]
        share = ((NEAR_M - start) / (stop - start))[:, None]
        kept = np.concatenate([kept, first[crosses] + share * (second[crosses] - first[crosses])])
    if len(kept) < 3:
        return None
    return camera.project(kept)[0]


def rectangles_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns whether convex quadrilaterals `... 4 2` overlap, that is, no edge of either separates them: `...`."""
    apart = np.zeros(np.broadcast_shapes(first.shape[:-2], second.shape[:-2]), dtype=bool)
    for shape in (first, second):
        edges = np.roll(shape, -1, axis=-2) - shape
        normals = np.stack([-edges[..., 1], edges[..., 0]], -1)
        a = np.einsum("...kd,...cd->...kc", normals, first)
        b = np.einsum("...kd,...cd->...kc", normals, second)
        apart |= ((a.max(-1) <= b.min(-1)) | (b.max(-1) <= a.min(-1))).any(-1)
    return ~apart


def _turned(points: np.ndarray, heading_rad: np.ndarray | float) -> np.ndarray:
    """Turns points `n 2` to the left by headings `...`: `... n 2`."""
    cos, sin = np.cos(heading_rad)[..., None], np.sin(heading_rad)[..., None]
    x, y = points[..., 0], points[..., 1]
    return np.stack([x * cos - y * sin, x * sin + y * cos], -1)
