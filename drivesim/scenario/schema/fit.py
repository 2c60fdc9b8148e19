"""Fits pictures of other shapes, such as photos of 16:9 or 4:3, to frames that are twice as wide as high."""

from __future__ import annotations

from typing import Literal

import numpy as np

Fit = Literal["crop", "pad"]

_ASPECT, _TOLERANCE = 2, 0.02


def has_shape_of_frames(width: int, height: int) -> bool:
    """Returns whether a picture is twice as wide as high, nearly."""
    return abs(width / height / _ASPECT - 1) <= _TOLERANCE


def fitted_size(width: int, height: int, fit: Fit) -> tuple[int, int]:
    """Returns width and height of a picture after `fitted`."""
    if has_shape_of_frames(width, height):
        return width, height
    narrow = width < _ASPECT * height
    if fit == "crop":
        return (width - width % _ASPECT, width // _ASPECT) if narrow else (_ASPECT * height, height)
    return (_ASPECT * height, height) if narrow else (width + width % _ASPECT, -(-width // _ASPECT))


def fitted(pixels: np.ndarray, fit: Fit) -> np.ndarray:
    """Returns a picture `h w c` in the shape of frames; it is kept as it is if it has this shape already.

    Args:
        pixels: The picture.
        fit: `crop` cuts off what is too much on both sides; `pad` adds black bars on both sides.
    """
    height, width = pixels.shape[:2]
    new_width, new_height = fitted_size(width, height, fit)
    top, left = abs(new_height - height) // 2, abs(new_width - width) // 2
    if fit == "crop":
        return pixels[top : top + new_height, left : left + new_width]
    below, right = new_height - height - top, new_width - width - left
    return np.pad(pixels, ((top, below), (left, right), (0, 0)))
