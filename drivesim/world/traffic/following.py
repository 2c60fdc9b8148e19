"""How vehicles keep their distance and change lanes."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MAX_ACCELERATION_MPS2 = 1.6
_COMFORTABLE_BRAKING_MPS2 = 2.2
_MAX_BRAKING_MPS2 = 6.0
_STANDSTILL_GAP_M = 2.2
_HEADWAY_S = 1.1
_MIN_GAP_M = 0.3
_MAX_DRIFT = 0.3
"""Largest sideways motion of a vehicle per metre forward."""
_PEAK_RATE = 1.875
"""Largest slope of a minimum-jerk curve, in distances per duration."""


def following_acceleration(speed_mps: float, desired_mps: float, gap_m: float, closing_mps: float) -> float:
    """Returns the acceleration in m/s² by the intelligent driver model (Treiber et al. 2000).

    Args:
        speed_mps: Speed of the vehicle.
        desired_mps: Speed at which it would drive on a free road.
        gap_m: Distance to the vehicle ahead, which is infinite on a free road.
        closing_mps: Speed relative to the vehicle ahead.
    """
    free = 1 - (speed_mps / max(desired_mps, 0.1)) ** 4
    braking = 2 * math.sqrt(_MAX_ACCELERATION_MPS2 * _COMFORTABLE_BRAKING_MPS2)
    wish = speed_mps * _HEADWAY_S + speed_mps * closing_mps / braking
    wanted_gap = _STANDSTILL_GAP_M + max(0.0, wish)
    acceleration = _MAX_ACCELERATION_MPS2 * (free - (wanted_gap / max(gap_m, _MIN_GAP_M)) ** 2)
    return min(max(acceleration, -_MAX_BRAKING_MPS2), _MAX_ACCELERATION_MPS2)


@dataclass
class LaneChange:
    """A sideways move along a minimum-jerk curve, which pauses while the vehicle stands."""

    start_offset_m: float
    target_offset_m: float
    duration_s: float
    progress: float = 0.0

    @property
    def done(self) -> bool:
        return self.progress >= 1

    def advance(self, dt_s: float, speed_mps: float) -> tuple[float, float]:
        """Continues for `dt_s` and returns the offset in m and its rate of change in m/s."""
        distance = self.target_offset_m - self.start_offset_m
        steepest = _PEAK_RATE * abs(distance) / self.duration_s
        pace = min(1.0, _MAX_DRIFT * speed_mps / max(steepest, 1e-6)) / self.duration_s
        self.progress = p = min(1.0, self.progress + pace * dt_s)
        offset = self.start_offset_m + distance * (10 * p**3 - 15 * p**4 + 6 * p**5)
        rate = distance * 30 * p**2 * (1 - p) ** 2 * pace
        return offset, rate
