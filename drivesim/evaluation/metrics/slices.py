"""The slices of a result: by size, nearness, time of day and number of boxes."""

from __future__ import annotations

import numpy as np

from drivesim.geometry.requestable import longer_side
from drivesim.scenario.schema.vocabulary import FRAME_WIDTH_PX, TIMES_OF_DAY

SIZES_PX = ((24, 48), (48, 96), (96, 1024))
"""Longer side of a box in pixels of the 512×1024 frame, a box as high as wide counting its width."""

BOTTOMS = ((0.0, 0.58), (0.58, 0.68), (0.68, 1.01))
"""Lower edge of a box in heights of the frame: the lower, the nearer the vehicle."""

NUMBERS = ((0, 3), (3, 7), (7, 25))
"""Requested boxes of a frame."""


def box_slices(xyxy: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the slices of boxes `n 4` as masks `n` by name."""
    side, bottom = longer_side(xyxy) * FRAME_WIDTH_PX, xyxy[:, 3]
    masks = {size_name(low, high): (side >= low) & (side < high) for low, high in SIZES_PX}
    nearness = ("far", "middle", "near")
    return masks | {
        f"distance {name}": (bottom >= low) & (bottom < high)
        for name, (low, high) in zip(nearness, BOTTOMS, strict=True)
    }


def frame_slices(time_of_day: np.ndarray, num_boxes: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the slices of frames as masks `n` by name; `time_of_day` holds positions in `TIMES_OF_DAY`."""
    masks = {"all": np.ones(len(time_of_day), bool)}
    masks |= {name: time_of_day == index for index, name in enumerate(TIMES_OF_DAY)}
    return masks | {f"{low} to {high - 1} boxes": (num_boxes >= low) & (num_boxes < high) for low, high in NUMBERS}


def size_name(low: int, high: int) -> str:
    """Returns the name of a range of `SIZES_PX`."""
    return f"size from {low} px" if high >= FRAME_WIDTH_PX else f"size {low} to {high} px"
