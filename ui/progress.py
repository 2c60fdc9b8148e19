"""The progress of a rollout by future and by stage, and estimates of the time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_LEAST_WORK = 0.005
"""No time is estimated from less work than this, as a fraction of all work."""


@dataclass
class Pace:
    """The speed of some work, from the times at which parts of it were finished.

    It counts from the first finished part, because models are loaded before it.
    """

    _first: tuple[float, float] | None = None
    _last: tuple[float, float] | None = None

    def observe(self, now: float, fraction: float) -> None:
        """Takes in the fraction of the work that is done at a time in seconds."""
        self._first = self._first or (now, fraction)
        self._last = (now, fraction)

    def seconds_for(self, work: float) -> float | None:
        """Returns the seconds that a fraction of the work takes, or None while too little is known."""
        if self._first is None or self._last is None:
            return None
        made = self._last[1] - self._first[1]
        return None if made < _LEAST_WORK else (self._last[0] - self._first[0]) * work / made

    def seconds_left(self, now: float) -> float | None:
        """Returns the seconds until all work is done, or None while too little is known.

        They count down between two finished parts, and stay at 0 if the next part takes longer than expected.
        """
        if self._last is None or (needed := self.seconds_for(1 - self._last[1])) is None:
            return None
        return max(0.0, needed - (now - self._last[0]))


@dataclass
class FutureProgress:
    """The progress of one future: its stage in the last window worked on, and how far each window is."""

    stage: str = "waiting"
    window: int = 0
    windows: list[float] = field(default_factory=lambda: [0.0])
    pace: Pace = field(default_factory=Pace)

    @property
    def fraction(self) -> float:
        """The completed fraction of the future."""
        return sum(self.windows) / len(self.windows)

    def reach(self, window: int, fraction: float) -> None:
        """Records how far a window is; steps can arrive out of order, and a window never goes back."""
        self.windows[window] = max(self.windows[window], min(fraction, 1.0))


@dataclass(frozen=True)
class StageProgress:
    """The completed fraction of a stage in all futures, and an estimate of its remaining seconds."""

    stage: str
    fraction: float
    seconds_left: float | None


def stage_progress(futures: Sequence[FutureProgress], pace: Pace) -> list[StageProgress]:
    """Returns the progress of every stage in the order of the work; `pace` is that of all futures together."""
    from drivesim.rollout import STAGE_SHARES

    windows = [fraction for future in futures for fraction in future.windows]
    found, begin = [], 0.0
    for stage, share in STAGE_SHARES.items():
        done = sum(min(max((window - begin) / share, 0.0), 1.0) for window in windows) / max(1, len(windows))
        found.append(StageProgress(stage, min(done, 1.0), pace.seconds_for(share * (1 - done))))
        begin += share
    return found
