"""Redaction of faces and number plates that a detector of the user finds."""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.detection.detector import Detector
from drivesim.geometry.boxes import to_pixels

_MARGIN = 0.15
"""Margin on each side of a box, as a fraction of its size."""
_CELLS = 4
"""Number of cells per side to which a box is reduced."""


def redacted(pixels: np.ndarray, detector: Detector) -> np.ndarray:
    """Returns a frame, uint8 `h w 3`, in which everything that the detector finds, of any category, is pixelated."""
    found = detector.detect(pixels[None])[0]
    if not len(found):
        return pixels
    height, width = pixels.shape[:2]
    result = pixels.copy()
    for x0, y0, x1, y1 in to_pixels(found.xyxy, width, height):
        grow_x, grow_y = _MARGIN * (x1 - x0), _MARGIN * (y1 - y0)
        left, right = max(0, int(x0 - grow_x)), min(width, int(np.ceil(x1 + grow_x)))
        top, bottom = max(0, int(y0 - grow_y)), min(height, int(np.ceil(y1 + grow_y)))
        coarse = cv2.resize(result[top:bottom, left:right], (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        size = (right - left, bottom - top)
        result[top:bottom, left:right] = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    return result
