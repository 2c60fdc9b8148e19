"""Where a picture lies in a detector's input, and the way back for its boxes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.detection.onnx.settings import DetectorSettings


@dataclass(frozen=True)
class Placement:
    """Where a resized picture lies in an input.

    Attributes:
        width: Width of the input in pixels.
        height: Height of the input.
        columns: Width of the resized picture.
        rows: Height of the resized picture.
        left: Column of the input at which the picture begins.
        top: Row of the input at which the picture begins.
    """

    width: int
    height: int
    columns: int
    rows: int
    left: int
    top: int

    @classmethod
    def of(cls, picture: tuple[int, int], size: tuple[int, int], fit: str) -> Placement:
        """Returns the placement of a picture in an input, each given as (height, width), by a `fit` of the settings."""
        (height, width), (rows, columns) = size, size
        if fit == "stretch":
            return cls(width, height, columns, rows, 0, 0)
        factor = min(height / picture[0], width / picture[1])
        rows, columns = max(1, round(picture[0] * factor)), max(1, round(picture[1] * factor))
        left, top = ((width - columns) // 2, (height - rows) // 2) if fit == "letterbox" else (0, 0)
        return cls(width, height, columns, rows, left, top)

    def placed(self, picture: np.ndarray, padding: int) -> np.ndarray:
        """Returns the input, uint8 `height width 3`, with a bilinearly resized picture uint8 `h w 3` on `padding`."""
        canvas = np.full((self.height, self.width, 3), padding, np.uint8)
        resized = cv2.resize(picture, (self.columns, self.rows), interpolation=cv2.INTER_LINEAR)
        canvas[self.top : self.top + self.rows, self.left : self.left + self.columns] = resized
        return canvas

    def to_picture(self, xyxy: np.ndarray) -> np.ndarray:
        """Maps boxes `n 4` in pixels of the input to 0..1 of the picture; what lies outside it is cut off."""
        corner, extent = [self.left, self.top] * 2, [self.columns, self.rows] * 2
        return np.clip((xyxy - corner) / extent, 0, 1)


def input_tensor(picture: np.ndarray, placement: Placement, settings: DetectorSettings, dtype: np.dtype) -> np.ndarray:
    """Returns a picture uint8 RGB `h w 3` as an input `1 3 height width`; uint8 inputs hold the plain pixels."""
    pixels = placement.placed(picture, settings.padding)
    if settings.channels == "bgr":
        pixels = pixels[..., ::-1]
    if dtype != np.uint8:
        scale, mean, std = (np.asarray(v, np.float32) for v in (settings.divide_by, settings.mean, settings.std))
        pixels = (pixels / scale - mean) / std
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(dtype))
