"""A scenario becomes windows of video: compose, predict, interpolate, decode, upsample."""

from drivesim.engine.engine import Engine, ResumePoint, StageDone, Window
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
    "quality",
    "settings_named",
]
