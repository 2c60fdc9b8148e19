"""Day or night from the brightness of the frames of a drive log; in between, the time of day stays unknown.

The upper half decides. A day among dark trees or in a canyon has a dark upper half, too, but a bright road below it;
then the time of day is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from drivesim.scenario.schema.vocabulary import TimeOfDay

NIGHT_BELOW, DAY_ABOVE = 75.0, 100.0
"""Thresholds of the brightness, 0..255. Dusk, tunnels and bright streets at night lie between them."""
DARK_ROAD_BELOW = 90.0
"""Largest mean luma of the lower half by night, 0..255."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass
class Daylight:
    """An accumulator of the brightness of the frames of one drive log."""

    _brightness: list[float] = field(default_factory=list)
    _road: list[float] = field(default_factory=list)

    def add(self, frame: np.ndarray) -> None:
        """Adds a frame, uint8 `h w 3` RGB."""
        self._brightness.append(brightness(frame))
        self._road.append(float(_luma(frame[len(frame) // 2 :]).mean()))

    @property
    def time_of_day(self) -> TimeOfDay | None:
        """Returns `day` or `night` from the median brightness; None between the thresholds or without frames."""
        if not self._brightness:
            return None
        median = float(np.median(self._brightness))
        if median >= DAY_ABOVE:
            return "day"
        return "night" if median <= NIGHT_BELOW and float(np.median(self._road)) <= DARK_ROAD_BELOW else None


def brightness(frame: np.ndarray) -> float:
    """Returns the mean of average luma and 90th percentile of the upper half of a frame, uint8 `h w 3`.

    A day under dark trees has a low average and some bright sky; a lit street at night has neither.
    """
    luma = _luma(frame[: len(frame) // 2])
    return float(luma.mean() + np.percentile(luma, 90)) / 2


def _luma(pixels: np.ndarray) -> np.ndarray:
    """Returns the luma of every fourth row and column of pixels, uint8 `h w 3`."""
    return pixels[::4, ::4].astype(np.float32) @ _LUMA
