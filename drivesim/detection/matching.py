"""Which box stands for which: one-to-one matches of two sets of boxes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from drivesim.geometry.boxes import iou_matrix


def match_boxes(first: np.ndarray, second: np.ndarray, min_iou: float = 0.5) -> np.ndarray:
    """For each of boxes `n 4` the index of its partner among boxes `m 4`, or -1: `n`.

    As many pairs of at least `min_iou` as there can be, and of all such ways the one with the largest overlap.
    """
    overlap = iou_matrix(first, second)
    gain = np.where(overlap >= min_iou, 1 + overlap / (1 + min(overlap.shape)), 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    partner = np.full(len(first), -1)
    kept = gain[rows, columns] > 0
    partner[rows[kept]] = columns[kept]
    return partner
