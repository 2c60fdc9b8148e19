"""Smooth changes of a quantity over time, in closed form: speed, lateral offset, heading.

A profile is an initial value and a number of changes. Each change adds an amount, with zero slope at both ends, so any
number of changes in a row stays continuous, and slopes are bounded by the amounts and durations alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class SmoothChange:
    """A change by `amount` between `start_s` and `start_s + duration_s`; the duration is positive.

    At the fraction u of the duration, the fraction 6u⁵ - 15u⁴ + 10u³ of the amount has been added, so slope and
    curvature vanish at both ends.
    """

    start_s: float | np.ndarray
    duration_s: float | np.ndarray
    amount: float | np.ndarray

    PEAK_SLOPE = 15 / 8
    """The largest slope, which is reached in the middle, in amounts per duration."""

    def value(self, time_s: ArrayLike) -> np.ndarray:
        """Returns the amount that has been added by `time_s`."""
        u = self._progress(time_s)
        return self.amount * u**3 * (10 - 15 * u + 6 * u**2)

    def rate(self, time_s: ArrayLike) -> np.ndarray:
        """Returns the slope at `time_s`."""
        u = self._progress(time_s)
        return self.amount / self.duration_s * 30 * u**2 * (1 - u) ** 2

    def integral(self, time_s: ArrayLike) -> np.ndarray:
        """Returns the integral of `value` from before the change to `time_s`."""
        u = self._progress(time_s)
        past_end = np.maximum(np.asarray(time_s) - self.start_s - self.duration_s, 0.0)
        return self.amount * (self.duration_s * u**4 * (2.5 - 3 * u + u**2) + past_end)

    def _progress(self, time_s: ArrayLike) -> np.ndarray:
        return np.clip((np.asarray(time_s, dtype=float) - self.start_s) / self.duration_s, 0.0, 1.0)


@dataclass(frozen=True)
class Profile:
    """A quantity that starts at `initial` and undergoes `changes`.

    Each method takes times `...` in seconds and returns an array `...`.
    """

    initial: float
    changes: tuple[SmoothChange, ...] = ()

    @classmethod
    def through(cls, initial: float, targets: Sequence[tuple[float, float, float]]) -> Profile:
        """Returns the profile that moves from target to target, each (start_s, duration_s, value)."""
        changes: list[SmoothChange] = []
        reached = initial
        for start_s, duration_s, value in sorted(targets):
            changes.append(SmoothChange(start_s, duration_s, value - reached))
            reached = value
        return cls(initial, tuple(changes))

    def value(self, time_s: ArrayLike) -> np.ndarray:
        """Returns the quantity."""
        return self.initial + self._together.value(np.asarray(time_s)[..., None]).sum(-1)

    def rate(self, time_s: ArrayLike) -> np.ndarray:
        """Returns the slope of the quantity."""
        return self._together.rate(np.asarray(time_s)[..., None]).sum(-1)

    def integral(self, time_s: ArrayLike) -> np.ndarray:
        """Returns the integral of the quantity from time 0, before which no change may begin."""
        times = np.asarray(time_s, dtype=float)
        return self.initial * times + self._together.integral(times[..., None]).sum(-1)

    @cached_property
    def _together(self) -> SmoothChange:
        """All changes as one change whose numbers are arrays `n`."""
        columns = np.array([(c.start_s, c.duration_s, c.amount) for c in self.changes], dtype=float)
        return SmoothChange(*columns.reshape(-1, 3).T)


STILL = Profile(0.0)
"""The profile that is always 0."""
