"""Ego motion from the frames themselves: monocular visual odometry, scaled by the height of a known camera.

Corners are tracked from frame to frame. The camera moves on a plane: forward by `v dt` while it turns by `ω dt`. The
distance of a corner on the road follows from its row, so its motion in the image depends on these two numbers alone; a
far corner near the horizon moves with the turn alone. Robust least squares over all corners gives both numbers. The
result is an estimate and is marked as such; it is unknown if there are few corners or they do not agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import least_squares

from drivesim.geometry.camera import PinholeCamera

_MAX_CORNERS = 500
_WORKING_WIDTH = 512
_MIN_ROAD_CORNERS, _MIN_FAR_CORNERS = 12, 12
_ROAD_REACH_M = 25.0
_FAR_BAND = 0.12
"""Far corners lie within this fraction of the image height around the horizon."""
_MAX_SPEED_MPS, _MAX_YAW_RATE_RADPS = 60.0, 1.0
_LARGEST_ERROR_PX = 1.5
"""Largest median residual of the road corners; above it, the motion is unknown."""


@dataclass(frozen=True)
class _Corners:
    """Corners `n 2` in two frames, in pixels of the working resolution."""

    first: np.ndarray
    second: np.ndarray


class Odometry:
    """An estimator of speed and yaw rate between consecutive frames of one drive log, which are added in order.

    Args:
        camera: Camera of the frames, of any width.
        fps: Frame rate of the frames.
    """

    def __init__(self, camera: PinholeCamera, fps: float) -> None:
        scale = _WORKING_WIDTH / camera.width_px
        self._camera = PinholeCamera(
            _WORKING_WIDTH,
            round(camera.height_px * scale),
            camera.horizontal_fov_rad,
            camera.height_m,
            camera.pitch_rad,
        )
        self._dt = 1 / fps
        self._before: np.ndarray | None = None
        self._steps: list[tuple[float, float]] = []
        self._guess = (8.0, 0.0)

    def add(self, frame: np.ndarray) -> None:
        """Adds a frame, uint8 `h w 3` RGB."""
        size = (self._camera.width_px, self._camera.height_px)
        grey = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        if self._before is not None:
            self._steps.append(self._step(_followed(self._before, grey)))
        self._before = grey

    def motion(self) -> list[tuple[float | None, float | None]]:
        """Returns speed in m/s and yaw rate in rad/s (positive to the left) of each frame; None without an estimate.

        The value of a frame is the median of the five steps around it.
        """
        steps = np.array(self._steps, float).reshape(-1, 2)
        if self._before is None:
            return []
        result: list[tuple[float | None, float | None]] = []
        for frame in range(len(steps) + 1):
            around = steps[max(0, frame - 3) : frame + 2]
            good = around[np.isfinite(around).all(1)]
            if len(good) * 2 < max(1, len(around)):
                result.append((None, None))
            else:
                speed, yaw_rate = np.median(good, axis=0)
                result.append((float(speed), float(yaw_rate)))
        return result

    def _step(self, corners: _Corners) -> tuple[float, float]:
        camera = self._camera
        distance = camera.ground_distance(corners.first[:, 1])
        road = np.isfinite(distance) & (distance <= _ROAD_REACH_M)
        far = np.abs(corners.first[:, 1] - camera.horizon_px) < _FAR_BAND * camera.height_px
        far &= ~road
        if road.sum() < _MIN_ROAD_CORNERS or far.sum() < _MIN_FAR_CORNERS:
            return np.nan, np.nan
        points, shown = _on_road(camera, corners.first[road], distance[road]), corners.second[road]
        bearing = self._bearing(corners.first[far, 0])
        moved_to = self._bearing(corners.second[far, 0])

        def residuals(motion: np.ndarray) -> np.ndarray:
            on_road = (_projected(camera, points, motion[0] * self._dt, motion[1] * self._dt) - shown).ravel()
            turned = (moved_to - bearing - motion[1] * self._dt) * camera.focal_length_px
            return np.concatenate([np.nan_to_num(on_road, nan=50.0), turned])

        bounds = ([-2.0, -_MAX_YAW_RATE_RADPS], [_MAX_SPEED_MPS, _MAX_YAW_RATE_RADPS])
        solution = least_squares(residuals, self._guess, bounds=bounds, loss="cauchy", f_scale=0.5, x_scale=(5.0, 0.1))
        left_over = np.abs(residuals(solution.x)[: 2 * int(road.sum())]).reshape(-1, 2).max(1)
        if np.median(left_over) > _LARGEST_ERROR_PX:
            return np.nan, np.nan
        self._guess = tuple(np.clip(solution.x, *(np.array(b) * 0.99 for b in bounds)))
        return float(solution.x[0]), float(solution.x[1])

    def _bearing(self, column_px: np.ndarray) -> np.ndarray:
        """Returns angles to the right of the viewing direction in radians."""
        return np.arctan((column_px - self._camera.width_px / 2) / self._camera.focal_length_px)


def _followed(first: np.ndarray, second: np.ndarray) -> _Corners:
    """Returns corners that are tracked forward and back to within half a pixel."""
    points = cv2.goodFeaturesToTrack(first, _MAX_CORNERS, 0.005, 6)
    if points is None:
        return _Corners(np.zeros((0, 2)), np.zeros((0, 2)))
    points = points.astype(np.float32)
    there, found = _flowed(first, second, points)
    back, found_back = _flowed(second, first, there)
    points, there, back = points.reshape(-1, 2), there.reshape(-1, 2), back.reshape(-1, 2)
    good = found & found_back & (np.abs(points - back).max(1) < 0.5)
    return _Corners(points[good].astype(float), there[good].astype(float))


def _flowed(first: np.ndarray, second: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns where points, float32 `n 1 2`, of the first frame lie in the second, and which were found, bool `n`."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, np.empty_like(points), winSize=(21, 21), maxLevel=4
    )
    return np.asarray(there), np.asarray(found).ravel() == 1


def _on_road(camera: PinholeCamera, pixels: np.ndarray, distance_m: np.ndarray) -> np.ndarray:
    """Returns points `n 2` on the road (to the right, forward) that appear in pixels `n 2` at forward distances `n`."""
    depth = distance_m * np.cos(camera.pitch_rad) - camera.height_m * np.sin(camera.pitch_rad)
    right = (pixels[:, 0] - camera.width_px / 2) / camera.focal_length_px * depth
    return np.stack([right, distance_m], -1)


def _projected(camera: PinholeCamera, points: np.ndarray, forward_m: float, turn_rad: float) -> np.ndarray:
    """Returns pixels `n 2` of points on the road after the camera has moved forward and turned to the left."""
    # The chord of an arc points to the left of the first viewing direction by half the turn.
    x, y = points[:, 0] + forward_m * np.sin(turn_rad / 2), points[:, 1] - forward_m * np.cos(turn_rad / 2)
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    seen = np.stack([x * cos + y * sin, y * cos - x * sin, np.zeros(len(x))], -1)
    return camera.project(seen)[0]
