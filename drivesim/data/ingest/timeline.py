"""Resampling of frames at arbitrary times to the constant frame rate of a drive log.

A drive log has frames at the ticks 0, 1 / fps, 2 / fps, ... Each tick takes the source frame nearest to it, within half
a tick, and no frame serves two ticks. If there is no frame for a tick, because frames are missing or the picture was
frozen, the drive log ends there and another begins; no frame is invented.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from drivesim.data.ingest.media.frames import SourceFrame
from drivesim.data.ingest.repeats import Repeats

_MOST_HALVINGS = 4
_RATE_TOLERANCE = 1.05
_ROUNDING = 1e-6
_BEFORE_A_GAP = 0.25
"""The last frame before a gap may be early by this fraction of half a tick, since no other frame competes for it."""


@dataclass
class FrameCounts:
    """Numbers of frames of a recording by what became of them.

    Attributes:
        alone: Number of frames that were used for drive logs that are too short and therefore left out.
        largest_offset_s: Largest time between a used frame and its tick.
    """

    decoded: int = 0
    repeated: int = 0
    out_of_order: int = 0
    used: int = 0
    alone: int = 0
    largest_offset_s: float = 0.0


@dataclass(frozen=True, eq=False)
class TimedFrame:
    """A source frame that a drive log uses; `starts_log` is true for the first frame of a drive log."""

    frame: SourceFrame
    starts_log: bool


def log_rate(source_fps: float, wanted_fps: float) -> float | None:
    """Returns the frame rate of the drive logs of a source: the wanted rate, or half, a quarter, ... of it if slower.

    Returns None for a source that is slower than all of these. The models take clips at such rates.
    """
    for halvings in range(_MOST_HALVINGS + 1):
        rate = wanted_fps / 2**halvings
        if rate <= source_fps * _RATE_TOLERANCE:
            return rate
    return None


@dataclass
class Timeline:
    """An assignment of frames to ticks; `counts` records what became of the frames."""

    fps: float
    max_frames_per_log: int
    counts: FrameCounts = field(default_factory=FrameCounts)
    _start_s: float = 0.0
    _tick: int = 0

    def used(self, frames: Iterable[SourceFrame]) -> Iterator[TimedFrame | None]:
        """Yields the frames of the drive logs in order, and None occasionally while frames pass that are not used.

        At most one frame is held at a time.
        """
        half, due_s, waiting = 0.5 / self.fps + _ROUNDING, 0.0, None
        for frame in self._fresh(frames):
            while True:
                if frame is None:
                    yield None
                    break
                due_s = self._start_s + self._tick / self.fps
                if self._tick == 0:
                    yield self._use(frame, due_s=None)
                    break
                if frame.time_s < due_s:
                    waiting = frame if frame.time_s >= due_s - half else waiting
                    break
                offset_s = frame.time_s - due_s
                early_s = math.inf if waiting is None else due_s - waiting.time_s
                gap_follows = early_s + offset_s > 2 * half
                if waiting is not None and early_s <= (half * _BEFORE_A_GAP if gap_follows else offset_s + _ROUNDING):
                    yield self._use(waiting, due_s)
                    waiting = None
                    continue  # with the same frame, for the next tick
                waiting = None
                yield self._use(frame, due_s if offset_s <= half else None)
                break
        if waiting is not None and due_s - waiting.time_s <= half * _BEFORE_A_GAP:
            yield self._use(waiting, due_s)

    def _use(self, frame: SourceFrame, due_s: float | None) -> TimedFrame:
        """Uses a frame for the due tick, or for the first tick of a new log."""
        self.counts.used += 1
        if due_s is None or self._tick == self.max_frames_per_log:
            self._start_s, self._tick = frame.time_s, 1
            return TimedFrame(frame, starts_log=True)
        self._tick += 1
        self.counts.largest_offset_s = max(self.counts.largest_offset_s, abs(frame.time_s - due_s))
        return TimedFrame(frame, starts_log=False)

    def _fresh(self, frames: Iterable[SourceFrame]) -> Iterator[SourceFrame | None]:
        """Yields the frames, with None in place of those that repeat the previous frame or go back in time."""
        time_s, detector = None, Repeats()
        for frame in frames:
            self.counts.decoded += 1
            if time_s is not None and frame.time_s <= time_s:
                self.counts.out_of_order += 1
                yield None
                continue
            time_s = frame.time_s
            if detector.repeats(frame.brightness):
                self.counts.repeated += 1
                yield None
                continue
            yield frame
