"""A scenario becomes windows of video: compose, predict, interpolate, decode, upsample."""

from drivesim.engine.engine import Engine, ResumePoint, Window, frame_shape, latent_shape
from drivesim.engine.render import StageDone
from drivesim.engine.settings import EngineSettings, fast, quality, settings_named
from drivesim.engine.timeline import Timeline

__all__ = [
    "Engine",
    "EngineSettings",
    "ResumePoint",
    "StageDone",
    "Timeline",
    "Window",
    "fast",
    "frame_shape",
    "latent_shape",
    "quality",
    "settings_named",
]
