"""Previews: pictures of a scenario before any sampling, and the drawing of boxes that other parts use too."""

from drivesim.scenario.previews.drawing import CATEGORY_COLOURS
from drivesim.scenario.previews.guide import GroundGuide, ground_guide
from drivesim.scenario.previews.preview import preview_frame

__all__ = ["CATEGORY_COLOURS", "GroundGuide", "ground_guide", "preview_frame"]
