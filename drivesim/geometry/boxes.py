"""Boxes in a picture: `x0 y0 x1 y1` along the last axis, x to the right, y down, the far edges exclusive."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def to_pixels(boxes: ArrayLike, width: float, height: float) -> np.ndarray:
    """Converts boxes `... 4` from 0..1 to pixels of a `width` × `height` picture."""
    return np.asarray(boxes) * np.array([width, height, width, height])


def area(boxes: ArrayLike) -> np.ndarray:
    """Returns the areas `...` of boxes `... 4`; a box whose edges are out of order has the area 0."""
    edges = np.asarray(boxes)
    return np.clip(edges[..., 2] - edges[..., 0], 0, None) * np.clip(edges[..., 3] - edges[..., 1], 0, None)


def iou(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Returns the intersection over union `...` of boxes `... 4`, pair by pair.

    The two arrays broadcast against each other. The result is 0 where both boxes are empty.
    """
    one, two = np.asarray(first), np.asarray(second)
    corners = np.concatenate([np.maximum(one[..., :2], two[..., :2]), np.minimum(one[..., 2:], two[..., 2:])], axis=-1)
    shared = area(corners)
    union = area(one) + area(two) - shared
    return np.divide(shared, union, out=np.zeros_like(union, dtype=float), where=union > 0)


def iou_matrix(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Returns the intersection over union `n m` of each of boxes `n 4` with each of boxes `m 4`."""
    return iou(np.asarray(first)[:, None, :], np.asarray(second)[None, :, :])
