"""Reduces samples to the fewest rows of a trajectory that represent them within a tolerance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.interpolate import PchipInterpolator

TOLERANCE_M = 0.01


def fewest(times_s: np.ndarray, values: np.ndarray, tolerance: float = TOLERANCE_M) -> np.ndarray:
    """Returns indices of the samples that a monotone cubic curve needs to be within `tolerance` of all of them.

    Args:
        times_s: Ascending times `n`.
        values: Values to follow, `n c`.
        tolerance: Largest difference in any of the columns.
    """
    last = len(times_s) - 1
    kept = np.unique([0, last // 2, last])
    while len(kept) <= last:
        if len(kept) < 2:
            break
        curve = PchipInterpolator(times_s[kept], values[kept])
        off = np.abs(curve(times_s) - values).max(-1)
        off[kept] = 0.0
        starts = np.searchsorted(np.arange(last + 1), kept)
        worst = [int(a + off[a : b + 1].argmax()) for a, b in pairwise(starts)]
        worst = [index for index in worst if off[index] > tolerance]
        if not worst:
            break
        kept = np.unique([*kept, *worst])
    return kept
