"""Projection from the world to the picture: camera coordinates, pixels, and clipping at the near plane."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from drivesim.world.pose import CameraPose

NEAR_M = 0.8
"""Nothing that is nearer to the camera than this is drawn or labelled."""
_LIFT_PER_M, _MAX_LIFT = 2e-5, 0.01


def camera_coordinates(points: np.ndarray, camera: CameraPose) -> np.ndarray:
    """Returns world points `... 3` as metres to the right of, below and ahead of the camera, float32 `... 3`."""
    offset = (points - np.array([camera.x_m, camera.y_m, camera.z_m])).astype(np.float32)
    return offset @ camera_axes(camera).astype(np.float32).T


def camera_axes(camera: CameraPose) -> np.ndarray:
    """Returns the camera's right, down and forward unit vectors in the world, as rows `3 3`."""
    cos, sin = np.cos(camera.heading_rad), np.sin(camera.heading_rad)
    rise, level = np.sin(camera.pitch_rad), np.cos(camera.pitch_rad)
    right = (sin, -cos, 0.0)
    down = (cos * rise, sin * rise, -level)
    forward = (cos * level, sin * level, rise)
    return np.array([right, down, forward])


def focal_length_px(camera: CameraPose, width: int) -> float:
    """Returns the focal length in pixels of a picture `width` pixels wide."""
    return float(width / 2 / np.tan(camera.horizontal_fov_rad / 2))


def to_pixels(coordinates: np.ndarray, camera: CameraPose, width: int, height: int) -> np.ndarray:
    """Returns pixels `... 2` of camera coordinates `... 3` beyond the near plane."""
    focal = focal_length_px(camera, width)
    centre = np.array([width / 2, height / 2], np.float32)
    return centre + np.float32(focal) * coordinates[..., :2] / coordinates[..., 2:]


def before(points: np.ndarray, camera: CameraPose) -> np.ndarray:
    """Moves points `n 3` towards the camera along the line of sight, more at larger distances.

    Their pixels stay the same, but panes and lamps that lie on a wall or a body stay in front of it at any distance,
    whatever the resolution of the depth buffer.
    """
    sight = points - np.array([camera.x_m, camera.y_m, camera.z_m], np.float32)
    lift = np.minimum(np.linalg.norm(sight, axis=1, keepdims=True) * np.float32(_LIFT_PER_M), np.float32(_MAX_LIFT))
    return points - sight * lift


def clip_quads_near(quads: np.ndarray) -> np.ndarray:
    """Returns points `k 3` that span the part of quads `n 4 3`, in camera coordinates, beyond the near plane."""
    points = quads.reshape(-1, 3)
    if points[:, 2].min() >= NEAR_M:
        return points
    return np.concatenate([points[points[:, 2] >= NEAR_M], _crossings(quads, np.roll(quads, -1, 1))])


def clip_solid_near(points: np.ndarray) -> np.ndarray:
    """Returns points `k 3` whose convex hull is the part of a convex solid with corners `n 3` beyond the near plane."""
    if points[:, 2].min() >= NEAR_M:
        return points
    first, second = np.array(list(combinations(range(len(points)), 2))).T
    return np.concatenate([points[points[:, 2] >= NEAR_M], _crossings(points[first], points[second])])


def _crossings(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    start, stop = start.reshape(-1, 3), stop.reshape(-1, 3)
    crosses = (start[:, 2] >= NEAR_M) != (stop[:, 2] >= NEAR_M)
    start, stop = start[crosses], stop[crosses]
    share = (NEAR_M - start[:, 2]) / (stop[:, 2] - start[:, 2])
    return start + share[:, None] * (stop - start)
