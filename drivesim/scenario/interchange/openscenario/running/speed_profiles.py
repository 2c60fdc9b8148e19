"""Speeds over time through the entries of a SpeedProfileAction (ASAM OpenSCENARIO XML 1.2).

With the following mode `position`, the speed is linear between entries. With `follow`, the acceleration changes no
faster than the limits on its rate allow, so that each corner of the linear profile is rounded. As in esmini, a single
entry is reached at its time, and of several entries the slopes between them are kept.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

_HALVINGS = 60
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Limits:
    """The largest acceleration and deceleration in m/s², and the largest rates at which they change, in m/s³.

    The acceleration rises by no more than `acceleration_rate` and falls by no more than `deceleration_rate`.
    """

    acceleration: float
    deceleration: float
    acceleration_rate: float = math.inf
    deceleration_rate: float = math.inf

    def acceleration_for(self, change: float) -> float:
        """Returns the largest acceleration, as a positive number, for a change of speed."""
        return self.acceleration if change > 0 else self.deceleration

    def rate_for(self, change: float) -> float:
        """Returns the largest rate, as a positive number, for a change of acceleration."""
        return self.acceleration_rate if change > 0 else self.deceleration_rate

    def duration_s(self, before: float, after: float) -> float:
        """Returns the shortest duration of a change of acceleration."""
        return abs(after - before) / self.rate_for(after - before)


@dataclass(frozen=True)
class Piece:
    """A stretch of constant jerk: speed and acceleration at its start."""

    start_s: float
    speed: float
    acceleration: float
    jerk: float = 0.0

    def at(self, time_s: float) -> float:
        """Returns the speed at a time."""
        passed = time_s - self.start_s
        return self.speed + passed * (self.acceleration + self.jerk * passed / 2)


@dataclass(frozen=True)
class SpeedProfile:
    """A speed over time, from 0 s to the start of the last piece, in which it is constant."""

    pieces: tuple[Piece, ...]

    @property
    def end_s(self) -> float:
        """The time at which the last speed is reached."""
        return self.pieces[-1].start_s

    def at(self, time_s: float) -> float:
        """Returns the speed at a time."""
        following = bisect_right(self.pieces, time_s, key=attrgetter("start_s"))
        return self.pieces[max(following - 1, 0)].at(time_s)


def linear_profile(times_s: Sequence[float], speeds: Sequence[float]) -> SpeedProfile:
    """Returns the profile that is linear between the speeds at the times, which begin at 0 s."""
    pieces = [
        Piece(start, before, (after - before) / (stop - start))
        for (start, stop), (before, after) in zip(pairwise(times_s), pairwise(speeds), strict=True)
        if stop > start
    ]
    return SpeedProfile((*pieces, Piece(times_s[-1], speeds[-1], 0.0)))


def followed_profile(
    times_s: Sequence[float], speeds: Sequence[float], acceleration: float, limits: Limits
) -> SpeedProfile | None:
    """Returns the profile whose acceleration changes within limits.

    Args:
        times_s: Times of the speeds, ascending from 0 s.
        speeds: The speed now, and those to reach.
        acceleration: The acceleration now.
        limits: The limits.

    Returns:
        The profile; None if the corners between several speeds are too close to one another to be rounded.
    """
    if len(speeds) == 2:
        return _to_one_speed(speeds[0], speeds[1], times_s[1], acceleration, limits)
    slopes = [
        (after - before) / max(stop - start, _NEGLIGIBLE)
        for (start, stop), (before, after) in zip(pairwise(times_s), pairwise(speeds), strict=True)
    ]
    pieces = _changing([], 0.0, speeds[0], acceleration, slopes[0], limits)
    for time_s, speed, slope in zip(times_s[1:], speeds[1:], [*slopes[1:], 0.0], strict=True):
        line = pieces[-1]
        if abs(slope - line.acceleration) < _NEGLIGIBLE:
            continue
        # The lines before and after the corner meet in its middle.
        ahead = time_s - line.start_s
        meet_s = line.start_s + (speed - line.speed - slope * ahead) / (line.acceleration - slope)
        begins_s = meet_s - limits.duration_s(line.acceleration, slope) / 2
        if begins_s < line.start_s - _NEGLIGIBLE:
            return None
        pieces = _changing(pieces, begins_s, line.at(begins_s), line.acceleration, slope, limits)
    return SpeedProfile(tuple(pieces))


def _to_one_speed(now: float, asked: float, time_s: float, acceleration: float, limits: Limits) -> SpeedProfile:
    """Returns the profile that ends at a speed without acceleration: at its time, or later if the limits demand it."""

    def gain(peak: float, lasts: float | None = None) -> float:
        """Returns the change of speed if the acceleration goes to a peak and then to 0, within a duration if given."""
        begins, ends = limits.duration_s(acceleration, peak), limits.duration_s(peak, 0.0)
        stays = 0.0 if lasts is None else lasts - begins - ends
        return (acceleration + peak) / 2 * begins + peak * (stays + ends / 2)

    def peak_for(low: float, high: float, lasts: float | None = None) -> float:
        """Returns the peak between two others with which the speed is reached."""
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if gain(middle, lasts) < asked - now else (low, middle)
        return (low + high) / 2

    peak = peak_for(-limits.deceleration, limits.acceleration)
    shortest = limits.duration_s(acceleration, peak) + limits.duration_s(peak, 0.0)
    stays = max((asked - now - gain(peak)) / peak, 0.0) if abs(peak) > _NEGLIGIBLE else 0.0
    if time_s > shortest + stays:
        peak = peak_for(min(peak, 0.0), max(peak, 0.0), time_s)
        stays = max(time_s - limits.duration_s(acceleration, peak) - limits.duration_s(peak, 0.0), 0.0)
    pieces = _changing([], 0.0, now, acceleration, peak, limits)
    ends_s = pieces[-1].start_s + stays
    pieces = _changing(pieces, ends_s, pieces[-1].at(ends_s), peak, 0.0, limits)
    return SpeedProfile((*pieces[:-1], Piece(pieces[-1].start_s, asked, 0.0)))


def _changing(
    pieces: list[Piece], time_s: float, speed: float, before: float, after: float, limits: Limits
) -> list[Piece]:
    """Returns pieces, a change of acceleration from a time on, and the constant acceleration after it."""
    lasts = limits.duration_s(before, after)
    if lasts <= 0:
        return [*pieces, Piece(time_s, speed, after)]
    change = Piece(time_s, speed, before, (after - before) / lasts)
    return [*pieces, change, Piece(time_s + lasts, change.at(time_s + lasts), after)]
