"""Headings relative to the line of sight: what decides whether a camera sees the front or the rear of a vehicle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def from_line_of_sight(heading_rad: ArrayLike, sight_rad: ArrayLike) -> np.ndarray:
    """Returns headings relative to lines of sight, in -π..π and positive to the left, `...`.

    A vehicle at 0 shows its rear, one at ±π its front, and one at π/2 points to the left in the picture.

    Args:
        heading_rad: Headings `...` of vehicles, positive to the left.
        sight_rad: Directions `...` from the camera to the vehicles, measured like the headings.
    """
    turned = np.asarray(heading_rad) - np.asarray(sight_rad)
    return np.arctan2(np.sin(turned), np.cos(turned))
