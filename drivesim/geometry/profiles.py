"""Smooth changes of a quantity over time, in closed form: speed, lateral offset, heading.

A profile is an initial value and changes that each add an amount with zero slope at both ends, so that any number of
them in a row stays continuous, and slopes stay bounded by the amounts and durations alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class SmoothChange:
    """Adds `amount` between `start_s` and `start_s + duration_s`; `duration_s` is above 0.

    The share done at u in 0..1 is 6u⁵ - 15u⁴ + 10u³: slope and curvature vanish at both ends.
    """

    start_s: float | np.ndarray
    duration_s: float | np.ndarray
    amount: float | np.ndarray

    PEAK_SLOPE = 15 / 8
    """The largest slope, in amounts a duration (at the middle)."""
    PEAK_CURVATURE = 10 / np.sqrt(3)
    """The largest curvature, in amounts a squared duration."""

    def value(self, time_s: np.ndarray) -> np.ndarray:
        """What has been added by `time_s`."""
        u = self._progress(time_s)
        return self.amount * u**3 * (10 - 15 * u + 6 * u**2)

    def rate(self, time_s: np.ndarray) -> np.ndarray:
        """The slope at `time_s`."""
        u = self._progress(time_s)
        return self.amount / self.duration_s * 30 * u**2 * (1 - u) ** 2

    def integral(self, time_s: np.ndarray) -> np.ndarray:
        """The integral of `value` from long ago to `time_s`."""
        u = self._progress(time_s)
        past_end = np.maximum(np.asarray(time_s) - self.start_s - self.duration_s, 0.0)
        return self.amount * (self.duration_s * u**4 * (2.5 - 3 * u + u**2) + past_end)

    def _progress(self, time_s: np.ndarray) -> np.ndarray:
        return np.clip((np.asarray(time_s, dtype=float) - self.start_s) / self.duration_s, 0.0, 1.0)


@dataclass(frozen=True)
class Profile:
    """A quantity that starts at `initial` and undergoes `changes`; each function takes times `...` and gives `...`."""

    initial: float
    changes: tuple[SmoothChange, ...] = ()

    @classmethod
    def through(cls, initial: float, targets: Sequence[tuple[float, float, float]]) -> Profile:
        """The profile that goes from target to target, each (start_s, duration_s, value), in the order of time."""
        changes, reached = [], initial
        for start_s, duration_s, value in sorted(targets):
            changes.append(SmoothChange(start_s, duration_s, value - reached))
            reached = value
        return cls(initial, tuple(changes))

    def value(self, time_s: np.ndarray) -> np.ndarray:
        """The quantity."""
        return self.initial + self._together.value(np.asarray(time_s)[..., None]).sum(-1)

    def rate(self, time_s: np.ndarray) -> np.ndarray:
        """Its slope."""
        return self._together.rate(np.asarray(time_s)[..., None]).sum(-1)

    def integral(self, time_s: np.ndarray) -> np.ndarray:
        """Its integral from time 0, before which no change may begin."""
        time_s = np.asarray(time_s, dtype=float)
        return self.initial * time_s + self._together.integral(time_s[..., None]).sum(-1)

    @cached_property
    def _together(self) -> SmoothChange:
        """All changes as one whose numbers are arrays `n`."""
        columns = np.array([(c.start_s, c.duration_s, c.amount) for c in self.changes], dtype=float)
        return SmoothChange(*columns.reshape(-1, 3).T)


STILL = Profile(0.0)
