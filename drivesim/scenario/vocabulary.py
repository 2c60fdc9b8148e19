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
