"""A scenario becomes windows of video: compose, predict, interpolate, decode, upsample."""

from drivesim.engine.engine import Engine, frame_shape, latent_shape
from drivesim.engine.findings import frame_findings
from drivesim.engine.gate import layout_to_obey
from drivesim.engine.render import StageDone
from drivesim.engine.settings import EngineSettings, fast, quality, settings_named
from drivesim.engine.timeline import Timeline
from drivesim.engine.windows import Predicted, ResumePoint, Window

__all__ = [
    "Engine",
    "EngineSettings",
    "Predicted",
    "ResumePoint",
    "StageDone",
    "Timeline",
    "Window",
    "fast",
    "frame_findings",
    "frame_shape",
    "latent_shape",
    "layout_to_obey",
    "quality",
    "settings_named",
]
