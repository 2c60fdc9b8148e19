"""How vehicles keep their distance and change lanes."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MAX_ACCELERATION = 1.6
_COMFORTABLE_BRAKING = 2.2
_MAX_BRAKING = 6.0
_STANDSTILL_GAP_M = 2.2
_HEADWAY_S = 1.1
_MIN_GAP_M = 0.3
_MAX_DRIFT = 0.3
"""The most that a vehicle moves sideways for each metre forward."""


def following_acceleration(speed_mps: float, desired_mps: float, gap_m: float, closing_mps: float) -> float:
    """Acceleration of the intelligent driver model (Treiber et al. 2000), m/s^2; `gap_m` is inf on a free road."""
    free = 1 - (speed_mps / max(desired_mps, 0.1)) ** 4
    wish = speed_mps * _HEADWAY_S + speed_mps * closing_mps / (2 * math.sqrt(_MAX_ACCELERATION * _COMFORTABLE_BRAKING))
    wanted_gap = _STANDSTILL_GAP_M + max(0.0, wish)
    acceleration = _MAX_ACCELERATION * (free - (wanted_gap / max(gap_m, _MIN_GAP_M)) ** 2)
    return min(max(acceleration, -_MAX_BRAKING), _MAX_ACCELERATION)


@dataclass
class LaneChange:
    """A sideways move along a minimum-jerk curve, which waits while the vehicle stands."""

    start_offset_m: float
    target_offset_m: float
    duration_s: float
    progress: float = 0.0

    @property
    def done(self) -> bool:
        return self.progress >= 1

    def advance(self, dt_s: float, speed_mps: float) -> tuple[float, float]:
        """Moves on; returns the offset (m) and how fast it changes (m/s)."""
        distance = self.target_offset_m - self.start_offset_m
        steepest = 1.875 * abs(distance) / self.duration_s
        pace = min(1.0, _MAX_DRIFT * speed_mps / max(steepest, 1e-6)) / self.duration_s
        self.progress = p = min(1.0, self.progress + pace * dt_s)
        offset = self.start_offset_m + distance * (10 * p**3 - 15 * p**4 + 6 * p**5)
        rate = distance * 30 * p**2 * (1 - p) ** 2 * pace
        return offset, rate
