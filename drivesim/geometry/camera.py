"""A pinhole camera above a flat road, in metres.

Road axes: x to the right, y forward, z up; the origin lies on the road under the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_PLANE_M = 1e-9
"""Points with a smaller depth count as lying in the plane of the camera."""


@dataclass(frozen=True)
class PinholeCamera:
    """A camera that looks along +y without roll, with square pixels and the principal point in the middle.

    The pitch is positive if the camera looks up.
    """

    width_px: int = 1024
    height_px: int = 512
    horizontal_fov_rad: float = np.deg2rad(58.0)
    height_m: float = 1.45
    pitch_rad: float = 0.0

    @property
    def focal_length_px(self) -> float:
        return self.width_px / 2 / np.tan(self.horizontal_fov_rad / 2)

    @property
    def horizon_px(self) -> float:
        """Row of the horizon, which lies outside the picture if the pitch is large."""
        return self.height_px / 2 + self.focal_length_px * np.tan(self.pitch_rad)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pixels `... 2` and the depths in metres `...` of points `... 3`.

        A point in the plane of the camera (within a nanometre) or behind it has no pixel: its pixel is NaN.
        """
        points = np.asarray(points, dtype=float)
        right, forward, above = points[..., 0], points[..., 1], points[..., 2] - self.height_m
        cos, sin = np.cos(self.pitch_rad), np.sin(self.pitch_rad)
        depth = forward * cos + above * sin
        down = forward * sin - above * cos
        in_front = np.where(depth > _PLANE_M, depth, np.nan)[..., None]
        centre = np.array([self.width_px / 2, self.height_px / 2])
        return centre + self.focal_length_px * np.stack([right, down], axis=-1) / in_front, depth

    def ground_distance(self, row_px: ArrayLike) -> np.ndarray:
        """Returns how far ahead, in metres, the road seen in pixel rows `...` is; NaN at the horizon and above."""
        offset = np.asarray(row_px, dtype=float) - self.height_px / 2
        angle = np.arctan(offset / self.focal_length_px) - self.pitch_rad
        return np.where(angle > 0, self.height_m / np.tan(np.where(angle > 0, angle, 1.0)), np.nan)
