"""Trajectories: where a vehicle is at any time, as a pure function of its speed, lateral offset and turning.

Road axes: x points right and y forward, in metres. Headings are in radians, 0 along y and positive to the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from drivesim.geometry.profiles import STILL, Profile

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_YAW_STEP_S = 1e-4
MIN_SPEED_MPS = 0.5
"""Below this speed, the direction of motion says little about where a vehicle points."""


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses at times `...`: positions `... 2`, headings `...` and speeds `...`."""

    position_m: np.ndarray
    heading_rad: np.ndarray
    speed_mps: np.ndarray


@dataclass(frozen=True)
class Trajectory:
    """The trajectory of a vehicle that drives along a heading, turns, and shifts sideways.

    Attributes:
        start_m: Middle of the vehicle at time 0.
        heading_rad: Heading at time 0.
        speed_mps: Speed along the heading, without the sideways shift.
        lateral_m: Lateral offset; the vehicle shifts to its left by what the offset gains after time 0.
        turn_rad: Angle that is added to the heading.
    """

    start_m: tuple[float, float]
    heading_rad: float
    speed_mps: Profile
    lateral_m: Profile = STILL
    turn_rad: Profile = STILL

    def at(self, time_s: ArrayLike) -> Poses:
        """Returns the poses at times `...`, none of which may be negative."""
        times = np.asarray(time_s, dtype=float)
        along, across = self._moved(times)
        speed, sideways = self.speed_mps.value(times), self.lateral_m.rate(times)
        cos, sin = np.cos(self.heading_rad), np.sin(self.heading_rad)
        x = self.start_m[0] - along * sin - across * cos
        y = self.start_m[1] + along * cos - across * sin
        drift = np.arctan2(sideways, np.maximum(speed, MIN_SPEED_MPS))
        heading = self.heading_rad + self.turn_rad.value(times) + drift
        return Poses(np.stack([x, y], -1), heading, np.hypot(speed, sideways))

    def yaw_rate(self, time_s: ArrayLike) -> np.ndarray:
        """Returns yaw rates in rad/s at times `...`, positive to the left."""
        return yaw_rate(self, time_s)

    def _moved(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the metres moved since time 0 along the first heading, and to its left."""
        if not self.turn_rad.changes:
            return self.speed_mps.integral(time_s), self.lateral_m.value(time_s) - self.lateral_m.initial
        parts = (*self.speed_mps.changes, *self.lateral_m.changes, *self.turn_rad.changes)
        edges = sorted({0.0, *(c.start_s for c in parts), *(c.start_s + c.duration_s for c in parts)})
        along, across = np.zeros_like(time_s), np.zeros_like(time_s)
        for start, stop in zip(edges, [*edges[1:], np.inf], strict=True):
            half = (np.clip(time_s, start, stop) - start)[..., None] / 2
            moments = start + half * (1 + _NODES)
            speed, sideways = self.speed_mps.value(moments), self.lateral_m.rate(moments)
            cos, sin = np.cos(self.turn_rad.value(moments)), np.sin(self.turn_rad.value(moments))
            along = along + (half * _WEIGHTS * (speed * cos - sideways * sin)).sum(-1)
            across = across + (half * _WEIGHTS * (speed * sin + sideways * cos)).sum(-1)
        return along, across


class Moving(Protocol):
    """Anything that has poses over time."""

    def at(self, time_s: ArrayLike) -> Poses:
        """Returns the poses at times `...`, none of which may be negative."""


def yaw_rate(moving: Moving, time_s: ArrayLike) -> np.ndarray:
    """Returns yaw rates in rad/s at times `...`, positive to the left, by differences of headings."""
    times = np.asarray(time_s, dtype=float)
    later, sooner = times + _YAW_STEP_S, np.maximum(times - _YAW_STEP_S, 0.0)
    return (moving.at(later).heading_rad - moving.at(sooner).heading_rad) / (later - sooner)
