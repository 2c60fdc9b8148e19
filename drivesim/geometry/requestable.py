"""Which vehicles of a frame may be requested of a model: one rule for scenarios, footage and scores.

A model learns from footage which vehicles its boxes stand for, so a scenario may request only vehicles that footage
would have given a box, and a score may blame a model only for those. If these places differ, training data, requests
and scores drift apart without any error, so the rule and its numbers stand here and nowhere else.

A vehicle is *in view* if enough of it is visible. It may be *requested* if it is in view and its visible box is at
least `MIN_BOX_SIDE` long. It *counts* as crowdedness, and should be detected, from `MIN_COUNTED_SIDE` on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

MIN_BOX_SIDE = 24 / 1024
"""Smallest `longer_side` of a visible box that may be requested, in widths of the frame."""
MIN_COUNTED_SIDE = 12 / 1024
"""Smallest `longer_side` of a visible box that counts as a vehicle in view, in widths of the frame."""
MIN_VISIBLE_FRACTION = 0.25
"""Smallest fraction of a vehicle that must be visible."""
MIN_VISIBLE_FRACTION_AT_EDGE = 0.08
"""The same for a vehicle that the left or right border of the frame cuts off: nothing else hides the rest of it."""
MAX_DISTANCE_M = 230.0
"""Recorded footage labels no vehicle farther away than this, so scenarios request none either."""


def longer_side(xyxy: np.ndarray) -> np.ndarray:
    """Returns the longer side of each box, in widths of the frame.

    Args:
        xyxy: Boxes `... 4` in 0..1 of a frame that is twice as wide as high.
    """
    return np.maximum(xyxy[..., 2] - xyxy[..., 0], (xyxy[..., 3] - xyxy[..., 1]) / 2)


def is_cut_off(left_px: ArrayLike, right_px: ArrayLike, width_px: float) -> np.ndarray:
    """Returns whether a side border of a frame `width_px` wide cuts off boxes with these edges: bool `...`."""
    return (np.asarray(left_px) <= 1) | (np.asarray(right_px) >= width_px - 1)


def in_view(visible_fraction: ArrayLike, cut_off: ArrayLike) -> np.ndarray:
    """Returns whether enough of each vehicle is visible: bool `...`.

    A visible fraction of NaN is unknown. Such a vehicle counts as visible: somebody drew its box around what they saw.
    """
    least = np.where(cut_off, MIN_VISIBLE_FRACTION_AT_EDGE, MIN_VISIBLE_FRACTION)
    return ~(np.asarray(visible_fraction) < least)


def may_be_requested(xyxy: np.ndarray, visible_fraction: ArrayLike, cut_off: ArrayLike) -> np.ndarray:
    """Returns whether a model may be asked for each vehicle that is no farther than `MAX_DISTANCE_M`: bool `...`.

    Args:
        xyxy: Boxes `... 4` of the visible parts, in 0..1 of a frame that is twice as wide as high.
        visible_fraction: Visible fraction `...` of each vehicle, 0 to 1.
        cut_off: Whether a side border of the frame cuts off each vehicle (`is_cut_off`), `...`.
    """
    return in_view(visible_fraction, cut_off) & (longer_side(xyxy) >= MIN_BOX_SIDE)


def counts_as_vehicle(xyxy: np.ndarray, visible_fraction: ArrayLike, cut_off: ArrayLike) -> np.ndarray:
    """Returns whether each vehicle counts as crowdedness and should be detected: bool `...`.

    The arguments are those of `may_be_requested`.
    """
    return in_view(visible_fraction, cut_off) & (longer_side(xyxy) >= MIN_COUNTED_SIDE)
