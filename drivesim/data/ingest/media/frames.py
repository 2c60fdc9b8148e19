"""What decoding yields: frames with their times, converted to pixels only where somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One decoded frame.

    number: in the order of the source, broken ones counted. time_s: on the recording's clock. brightness: uint8, a
    coarse sample of its luma, to compare frames by. pixels: gives the frame as a viewer shows it, uint8 `h w 3` RGB.
    """

    number: int
    time_s: float
    brightness: np.ndarray
    pixels: Callable[[], np.ndarray]


def sampled(luma: np.ndarray) -> np.ndarray:
    """Some 64 × 64 pixels of a luma plane `h w`, spread evenly; a copy."""
    rows, columns = (max(1, side // 64) for side in luma.shape)
    return luma[rows // 2 :: rows, columns // 2 :: columns].copy()
