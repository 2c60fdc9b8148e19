"""The words that scenarios, drive logs and models share, and the size of the frame."""

from __future__ import annotations

from typing import Literal, get_args

VehicleCategory = Literal["car", "van", "truck", "bus"]
TimeOfDay = Literal["day", "night"]
VehicleColour = Literal["white", "grey", "black", "red", "yellow", "green", "blue", "brown"]
"""Coarse colours: silver is grey, orange is yellow, and beige is brown."""
RoadKind = Literal["lane_line", "road_edge", "drivable_area"]
"""What is known of a road in view: painted lines and edges are lines, and drivable areas are polygons."""

CATEGORIES: tuple[VehicleCategory, ...] = get_args(VehicleCategory)
"""A model knows a category by its position here."""
TIMES_OF_DAY: tuple[TimeOfDay, ...] = get_args(TimeOfDay)
"""A model knows a time of day by its position here."""
COLOURS: tuple[VehicleColour, ...] = get_args(VehicleColour)
"""A model knows a colour by its position here."""
ROAD_KINDS: tuple[RoadKind, ...] = get_args(RoadKind)
"""A model knows a kind of road element by its position here."""

FRAME_WIDTH_PX, FRAME_HEIGHT_PX = 1024, 512
"""Size of the frame whose pixels are the unit of boxes in scenario files."""
FRAME_EXTENT_PX = (FRAME_WIDTH_PX, FRAME_HEIGHT_PX, FRAME_WIDTH_PX, FRAME_HEIGHT_PX)
"""Factors that turn the edges x0 y0 x1 y1 of a box in 0..1 into pixels."""
