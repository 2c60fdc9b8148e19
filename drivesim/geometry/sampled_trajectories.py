"""Vehicles that follow places given over time, such as recorded ones, with smooth interpolation.

Places are stations and offsets along a reference line, as in `reference_lines`. Between the samples, stations and
offsets are monotone cubic curves (Fritsch and Carlson, "Monotone Piecewise Cubic Interpolation", 1980): place and speed
are continuous, and nothing leaves the range of its two neighbours, so a vehicle that stands still does stand still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from drivesim.geometry.reference_lines import ReferenceLine
from drivesim.geometry.trajectories import MIN_SPEED_MPS, Poses, yaw_rate


@dataclass(frozen=True, eq=False)
class SampledTrajectory:
    """The path of a vehicle's centre at ascending times `n`; before the first and after the last, velocity is constant.

    Attributes:
        line: Reference line of stations and offsets.
        times_s: Times `n` in seconds.
        stations_m: Distances `n` along the line in metres.
        offsets_m: Distances `n` to the left of the line in metres.
        headings_rad: Angles `n` to the left of the line's direction; NaN for the direction of motion.
        resting_heading_rad: Heading of a vehicle that never moves, if no heading is given.
    """

    line: ReferenceLine
    times_s: np.ndarray
    stations_m: np.ndarray
    offsets_m: np.ndarray
    headings_rad: np.ndarray
    resting_heading_rad: float = 0.0

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last time."""
        return float(self.times_s[0]), float(self.times_s[-1])

    def at(self, time_s: ArrayLike) -> Poses:
        """Returns the poses at times `...`."""
        times = np.asarray(time_s, dtype=float)
        (station, offset), (ahead, left) = self._places(times), self._velocity(times)
        heading = self.line.heading(station) + self._heading(times, ahead, left)
        return Poses(self.line.position(station, offset), heading, np.hypot(ahead, left))

    def yaw_rate(self, time_s: ArrayLike) -> np.ndarray:
        """Returns yaw rates in rad/s at times `...`, positive to the left."""
        return yaw_rate(self, time_s)

    def _heading(self, time_s: np.ndarray, ahead: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Returns headings to the left of the line at times `...`, given velocities `...`."""
        if not np.isnan(self.headings_rad).all():
            return np.interp(time_s, self.times_s, self._given_headings)
        # At very low speed the direction of motion is unreliable, so the heading before or after it is used.
        usual = np.interp(time_s, self.times_s, self._motion_headings)
        share = np.maximum(MIN_SPEED_MPS - np.hypot(ahead, left), 0.0)
        direction = np.arctan2(left + share * np.sin(usual), ahead + share * np.cos(usual))
        return usual + _wrapped(direction - usual)

    def _places(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = np.clip(time_s, *self.span_s)
        places, beyond = self._curves(inside), (time_s - inside)[..., None]
        station, offset = np.moveaxis(places + beyond * self._curves(inside, 1), -1, 0)
        return station, offset

    def _velocity(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns speeds along the line, at the vehicle's offset, and to the left of it."""
        station, offset = self._places(time_s)
        along, left = np.moveaxis(self._curves(np.clip(time_s, *self.span_s), 1), -1, 0)
        return along * (1 - offset * self.line.curvature.value(station)), left

    def _curves(self, time_s: np.ndarray, derivative: int = 0) -> np.ndarray:
        """Returns stations and offsets `... 2` at times `...` within the span, or their derivatives."""
        if len(self.times_s) > 1:
            return self._interpolator(time_s, derivative)
        place = np.array([self.stations_m[0], self.offsets_m[0]]) * (derivative == 0)
        return np.broadcast_to(place, (*np.shape(time_s), 2))

    @cached_property
    def _interpolator(self) -> Callable[..., np.ndarray]:
        from scipy.interpolate import PchipInterpolator  # takes a third of a second, and few scenes have samples

        return PchipInterpolator(self.times_s, np.stack([self.stations_m, self.offsets_m], -1))

    @cached_property
    def _motion_headings(self) -> np.ndarray:
        """Direction of motion at each sample; at rest, that of the last sample in motion, else of the first."""
        ahead, left = self._velocity(self.times_s)
        moving = np.flatnonzero(np.hypot(ahead, left) > MIN_SPEED_MPS)
        if not len(moving):
            return np.full(len(self.times_s), self.resting_heading_rad)
        before = np.searchsorted(moving, np.arange(len(self.times_s)), side="right") - 1
        return np.unwrap(np.arctan2(left, ahead)[moving[np.maximum(before, 0)]])

    @cached_property
    def _given_headings(self) -> np.ndarray:
        given = self.headings_rad
        return np.unwrap(np.where(np.isnan(given), self._motion_headings, given))


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """Returns the same angle in -π..π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
