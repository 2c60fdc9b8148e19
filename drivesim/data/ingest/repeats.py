"""Frames that show the same picture as the one before: the camera froze, or its file has more frames than it made."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from itertools import islice, pairwise

import numpy as np

from drivesim.data.ingest.media.frames import SourceFrame

_ALIKE_MEAN, _ALIKE_MOST = 0.1, 3
"""Largest mean and largest single change of brightness (of 255) of a picture that is encoded twice."""
_ALIKE_SHARE = 0.02
"""A frame that changes by less than this fraction of the change of frames before it is a repetition, too, because
encoders refine a picture that they repeat."""
_LARGEST_ALIKE_MEAN = 1.0
_MOST_IN_A_ROW = 5
"""Number of frames in a row that this rule takes for repetitions; more of them show that the vehicle has stopped."""
_REMEMBERED = 12
_PROBED_FRAMES, _WITHOUT_REPEATS, _LEAST_GAPS = 300, 24, 8


class Repeats:
    """A detector of repeated frames, which takes the frames of a recording in order."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=_REMEMBERED)
        self._in_a_row = 0

    def repeats(self, brightness: np.ndarray) -> bool:
        """Returns whether a frame repeats the last one that was new, from their samples of brightness, uint8 `h w`."""
        if self._last is None or self._last.shape != brightness.shape:
            self._last = brightness
            return False
        difference = np.abs(self._last.astype(np.int16) - brightness)
        change = float(difference.mean())
        if change <= _ALIKE_MEAN and difference.max() <= _ALIKE_MOST:
            return True
        # The second largest change, because regular repetitions leave few large ones, and a cut makes a single one.
        usual = sorted(self._changes)[-2] if len(self._changes) > 1 else 0.0
        if change <= min(_LARGEST_ALIKE_MEAN, _ALIKE_SHARE * usual):
            self._in_a_row += 1
            if self._in_a_row <= _MOST_IN_A_ROW:
                return True
            self._changes.clear()
        self._in_a_row = 0
        self._changes.append(change)
        self._last = brightness
        return False


def rate_of_new_frames(frames: Iterable[SourceFrame]) -> float | None:
    """Returns the rate in frames per second at which the picture changes, from the first frames of a recording.

    Returns None if no frame is repeated, so that the times of the frames tell the rate, or if too few frames are new.
    """
    detector, times = Repeats(), list[float]()
    repeated = 0
    for frame in islice(frames, _PROBED_FRAMES):
        if times and frame.time_s <= times[-1]:
            continue
        if detector.repeats(frame.brightness):
            repeated += 1
        else:
            times.append(frame.time_s)
        if not repeated and len(times) >= _WITHOUT_REPEATS:
            return None
    if not repeated or len(times) <= _LEAST_GAPS:
        return None
    return 1 / statistics.median(after - before for before, after in pairwise(times))
