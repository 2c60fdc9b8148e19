"""Where a vehicle is at any time: a pure function of speed, lateral offset and turning.

Road axes: x to the right, y forward, metres. Headings in radians, 0 along y, positive to the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from drivesim.geometry.profiles import STILL, Profile

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
MIN_SPEED_MPS = 0.5
"""At a crawl the direction of motion says little about where a vehicle points."""


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses at times `...`: `position_m` `... 2`, `heading_rad` `...`, `speed_mps` `...`."""

    position_m: np.ndarray
    heading_rad: np.ndarray
    speed_mps: np.ndarray


@dataclass(frozen=True)
class Trajectory:
    """Drives along `heading_rad` plus `turn_rad`, and shifts to the left of it by what `lateral_m` gains.

    start_m: middle of the vehicle at time 0. speed_mps: along the direction, without the shift.
    """

    start_m: tuple[float, float]
    heading_rad: float
    speed_mps: Profile
    lateral_m: Profile = STILL
    turn_rad: Profile = STILL

    def at(self, time_s: np.ndarray) -> Poses:
        """The poses at times `...`, none of them below 0."""
        time_s = np.asarray(time_s, dtype=float)
        along, across = self._moved(time_s)
        speed, sideways = self.speed_mps.value(time_s), self.lateral_m.rate(time_s)
        cos, sin = np.cos(self.heading_rad), np.sin(self.heading_rad)
        x = self.start_m[0] - along * sin - across * cos
        y = self.start_m[1] + along * cos - across * sin
        drift = np.arctan2(sideways, np.maximum(speed, MIN_SPEED_MPS))
        heading = self.heading_rad + self.turn_rad.value(time_s) + drift
        return Poses(np.stack([x, y], -1), heading, np.hypot(speed, sideways))

    def yaw_rate(self, time_s: np.ndarray) -> np.ndarray:
        """Yaw rates in rad/s at times `...`, positive to the left."""
        return yaw_rate(self, time_s)

    def _moved(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Metres along the first direction, and to the left of it, since time 0."""
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
    """Whatever has poses over time."""

    def at(self, time_s: np.ndarray) -> Poses:
        """The poses at times `...`, none of them below 0."""


def yaw_rate(moving: Moving, time_s: np.ndarray) -> np.ndarray:
    """Yaw rates in rad/s at times `...`, positive to the left."""
    step = 1e-4
    later, sooner = np.asarray(time_s, dtype=float) + step, np.maximum(np.asarray(time_s, dtype=float) - step, 0.0)
    return (moving.at(later).heading_rad - moving.at(sooner).heading_rad) / (later - sooner)
