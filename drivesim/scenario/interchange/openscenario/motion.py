"""How vehicles move along the road as far as their events are known: enough to tell when a condition holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from drivesim.geometry.profiles import Profile


@dataclass
class Motion:
    """A vehicle on its way; `lane` is the last one that it goes to.

    ahead_m: reference point ahead of the ego's in the first frame. half_length_m, middle_m: half of its length, and its
    middle ahead of the reference point. changes: of the speed, each (start_s, duration_s, m/s that is reached).
    """

    ahead_m: float
    heading_rad: float
    lane: int
    first_speed_mps: float
    half_length_m: float = 2.3
    middle_m: float = 1.4
    changes: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def along(self) -> int:
        """1 where it drives as the ego does, -1 where it comes towards it."""
        return 1 if math.cos(self.heading_rad) >= 0 else -1

    @property
    def speed_mps(self) -> float:
        """The last speed that it goes to."""
        return self.changes[-1][2] if self.changes else self.first_speed_mps

    def speed_at(self, times_s: np.ndarray) -> np.ndarray:
        """Speeds in m/s."""
        return self._profile.value(times_s)

    def travelled_at(self, times_s: np.ndarray) -> np.ndarray:
        """Metres since the first frame."""
        return self._profile.integral(times_s)

    def ahead_at(self, times_s: np.ndarray) -> np.ndarray:
        """Metres of its reference point along the road, ahead of the ego's in the first frame."""
        return self.ahead_m + math.cos(self.heading_rad) * self.travelled_at(times_s)

    @property
    def _profile(self) -> Profile:
        return Profile.through(self.first_speed_mps, self.changes)


def gap_at(vehicle: Motion, other: Motion, times_s: np.ndarray, freespace: bool) -> np.ndarray:
    """Metres along the road from a vehicle to another ahead of it, negative where that is behind.

    Between reference points; with `freespace` between the nearest ends, 0 while they are side by side.
    """
    gap = vehicle.along * (other.ahead_at(times_s) - vehicle.ahead_at(times_s))
    if not freespace:
        return gap
    between_middles = gap + vehicle.along * other.along * other.middle_m - vehicle.middle_m
    apart = np.abs(between_middles) - vehicle.half_length_m - other.half_length_m
    return np.sign(between_middles) * np.maximum(apart, 0.0)
