"""Boxes in a picture: `x0 y0 x1 y1` along the last axis, x to the right, y down, the far edges exclusive."""

from __future__ import annotations

import numpy as np


def normalize(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    """Boxes `... 4` in pixels of a `width` × `height` picture to 0..1."""
    return np.asarray(boxes) / np.array([width, height, width, height])


def to_pixels(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    """Boxes `... 4` in 0..1 to pixels of a `width` × `height` picture."""
    return np.asarray(boxes) * np.array([width, height, width, height])


def clip(boxes: np.ndarray, width: float = 1.0, height: float = 1.0) -> np.ndarray:
    """The parts of boxes `... 4` within a picture; a box that lies outside keeps no area."""
    return np.clip(boxes, 0, np.array([width, height, width, height]))


def area(boxes: np.ndarray) -> np.ndarray:
    """Areas `...` of boxes `... 4`; 0 for a box whose edges are out of order."""
    boxes = np.asarray(boxes)
    return np.clip(boxes[..., 2] - boxes[..., 0], 0, None) * np.clip(boxes[..., 3] - boxes[..., 1], 0, None)


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union `...` of boxes `... 4`, one by one (they broadcast); 0 where both are empty."""
    first, second = np.asarray(first), np.asarray(second)
    corners = np.concatenate(
        [np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])], axis=-1
    )
    shared = area(corners)
    union = area(first) + area(second) - shared
    return np.divide(shared, union, out=np.zeros_like(union, dtype=float), where=union > 0)


def iou_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union `n m` of each of boxes `n 4` with each of boxes `m 4`."""
    return iou(np.asarray(first)[:, None, :], np.asarray(second)[None, :, :])
