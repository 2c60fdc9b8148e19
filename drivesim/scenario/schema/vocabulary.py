"""The words that scenarios, drive logs and models share, and the size of the frame."""

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
"""Factors that turn the edges x0 y0 x1 y1 of a box in 0..1 into pixels."""
