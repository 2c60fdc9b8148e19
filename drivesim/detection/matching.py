"""One-to-one matches of two sets of boxes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from drivesim.geometry.boxes import iou_matrix


def match_boxes(first: np.ndarray, second: np.ndarray, min_iou: float = 0.5) -> np.ndarray:
    """Matches boxes one to one, with as many pairs as possible and, among these matches, the largest overlap.

    Args:
        first: Boxes `n 4`.
        second: Boxes `m 4`.
        min_iou: Smallest overlap of a pair.

    Returns:
        The index in `second` of the partner of each box in `first`, or -1: `n`.
    """
    overlap = iou_matrix(first, second)
    gain = np.where(overlap >= min_iou, 1 + overlap / (1 + min(overlap.shape)), 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    partner = np.full(len(first), -1)
    kept = gain[rows, columns] > 0
    partner[rows[kept]] = columns[kept]
    return partner
