"""Decoded frames with their times, which are converted to pixels only on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One decoded frame.

    Attributes:
        number: Position in the source; broken frames count.
        time_s: Time on the recording's clock.
        brightness: Coarse sample of the luma, uint8, by which frames are compared.
        pixels: Function that returns the frame as a viewer shows it, uint8 `h w 3` RGB.
    """

    number: int
    time_s: float
    brightness: np.ndarray
    pixels: Callable[[], np.ndarray]


def sampled(luma: np.ndarray) -> np.ndarray:
    """Returns a copy of about 64 × 64 pixels that are spread evenly over a luma plane `h w`."""
    rows, columns = (max(1, side // 64) for side in luma.shape)
    return luma[rows // 2 :: rows, columns // 2 :: columns].copy()
