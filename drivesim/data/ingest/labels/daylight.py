"""Day or night, from how bright the frames of a drive log are; between the two, nothing is claimed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from drivesim.scenario.schema.vocabulary import TimeOfDay

NIGHT_BELOW, DAY_ABOVE = 75.0, 100.0
"""Of the brightness, 0..255. Dusk, tunnels and bright streets at night lie between."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass
class Daylight:
    """Sees the frames of one drive log, one by one."""

    _brightness: list[float] = field(default_factory=list)

    def add(self, frame: np.ndarray) -> None:
        """Looks at a frame, uint8 `h w 3` RGB."""
        self._brightness.append(brightness(frame))

    @property
    def time_of_day(self) -> TimeOfDay | None:
        """`day` or `night`, by the median frame; None in the band between, and without frames."""
        if not self._brightness:
            return None
        median = float(np.median(self._brightness))
        if median >= DAY_ABOVE:
            return "day"
        return "night" if median <= NIGHT_BELOW else None


def brightness(frame: np.ndarray) -> float:
    """Of the upper half of a frame, uint8 `h w 3`: the mean of its average luma and of its 90th percentile.

    A day under dark trees has a low average and some bright sky; a lit street at night has neither.
    """
    luma = frame[: len(frame) // 2 : 4, ::4].astype(np.float32) @ _LUMA
    return float(luma.mean() + np.percentile(luma, 90)) / 2
