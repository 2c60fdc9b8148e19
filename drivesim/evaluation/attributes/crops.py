"""Crops of vehicles whose heading and colour are known from the labels of the footage."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.data.packed import PackedFootage
from drivesim.geometry.requestable import MIN_BOX_SIDE, longer_side

SIDE = 40
"""Side of a crop in pixels."""
_MARGIN = 0.125
"""What a crop shows beyond each edge of the box, as a fraction of the box."""
_LEAST_VISIBLE = 0.6
"""Smallest visible fraction of a vehicle: of others, the label may say what nobody can see."""


@dataclass(frozen=True, eq=False)
class ShownVehicles:
    """Vehicles that are large and visible enough for their heading and colour to be seen, `m`.

    Attributes:
        frame: Position of the frame of each vehicle among the frames asked for, `m`.
        box: Edges x0 y0 x1 y1 in 0..1, `m 4`.
        heading_rad: Heading relative to the line of sight, NaN if it is unknown, `m`.
        colour: Position in `COLOURS`, -1 if it is unknown, `m`.
    """

    frame: np.ndarray
    box: np.ndarray
    heading_rad: np.ndarray
    colour: np.ndarray

    @classmethod
    def of(cls, footage: PackedFootage, frames: np.ndarray) -> ShownVehicles:
        """Returns the vehicles in some frames of packed footage, whose numbers `n` rise."""
        vehicles, numbers = footage.vehicles, footage.vehicles.frame
        shown = (longer_side(vehicles.box) >= MIN_BOX_SIDE) & ~vehicles.cut_off
        shown &= vehicles.visible_fraction >= _LEAST_VISIBLE
        shown &= np.isfinite(vehicles.heading_rad) | (vehicles.colour >= 0)
        shown &= np.isin(numbers, frames)
        position = np.searchsorted(frames, numbers[shown])
        heading, colour = vehicles.heading_rad[shown], vehicles.colour[shown].astype(np.int64)
        return cls(position, vehicles.box[shown], heading, colour)

    def __len__(self) -> int:
        return len(self.frame)

    def crops(self, frames: np.ndarray) -> np.ndarray:
        """Returns the crop of each vehicle out of frames `n h w 3`, uint8 `m SIDE SIDE 3`."""
        crops = np.empty((len(self), SIDE, SIDE, 3), np.uint8)
        for number, (frame, box) in enumerate(zip(self.frame, self.box, strict=True)):
            crops[number] = _crop(frames[frame], box)
        return crops


def _crop(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """What a frame `h w 3` shows in a box in 0..1 and a little around it, stretched to a square."""
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = box * (width, height, width, height)
    across, down = _MARGIN * (x1 - x0), _MARGIN * (y1 - y0)
    left, top = max(0, round(x0 - across)), max(0, round(y0 - down))
    right, bottom = min(width, max(left + 1, round(x1 + across))), min(height, max(top + 1, round(y1 + down)))
    part = frame[top:bottom, left:right]
    shrinks = part.shape[0] > SIDE or part.shape[1] > SIDE
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
