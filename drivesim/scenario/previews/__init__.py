"""Pictures of a scenario before any sampling."""

from drivesim.scenario.previews.guide import GroundGuide, ground_guide
from drivesim.scenario.previews.preview import CATEGORY_COLOURS, preview_frame

__all__ = ["CATEGORY_COLOURS", "GroundGuide", "ground_guide", "preview_frame"]
