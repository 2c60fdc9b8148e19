"""The words and limits that scenarios, drive logs and models share."""

from __future__ import annotations

from typing import Literal, get_args

VehicleCategory = Literal["car", "van", "truck", "bus"]
TimeOfDay = Literal["day", "night"]

# A model's index of a category or time of day is its position here.
CATEGORIES: tuple[str, ...] = get_args(VehicleCategory)
TIMES_OF_DAY: tuple[str, ...] = get_args(TimeOfDay)

# The frame whose pixels a scenario counts in.
FRAME_WIDTH_PX = 1024
FRAME_HEIGHT_PX = 512
FRAME_EXTENT_PX = (FRAME_WIDTH_PX, FRAME_HEIGHT_PX, FRAME_WIDTH_PX, FRAME_HEIGHT_PX)
"""From edges x0 y0 x1 y1 in 0..1 to pixels."""

# A vehicle is asked for, and counts as asked for in training, where its visible box is at least so long (the longer
# side, in widths of the frame) and so much of it is in view; less where the side of the frame cuts it off.
MIN_BOX_SIDE = 24 / 1024
MIN_VISIBLE_FRACTION = 0.25
MIN_VISIBLE_FRACTION_AT_EDGE = 0.08
