"""A scenario becomes windows of video: compose, predict, interpolate, decode, upsample."""

from drivesim.engine.engine import Engine
from drivesim.engine.findings import frame_findings
from drivesim.engine.first_frame.gate import layout_to_obey
from drivesim.engine.future.schedule import Schedule, Step, Task, make_windows
from drivesim.engine.future.timeline import Timeline
from drivesim.engine.future.windows import FutureStart, Predicted, Progress, ResumePoint, Window
from drivesim.engine.networks import frame_shape, latent_shape, sampled_roles, sampled_students
from drivesim.engine.settings import EngineSettings, fast, quality, settings_named

__all__ = [
    "Engine",
    "EngineSettings",
    "FutureStart",
    "Predicted",
    "Progress",
    "ResumePoint",
    "Schedule",
    "Step",
    "Task",
    "Timeline",
    "Window",
    "fast",
    "frame_findings",
    "frame_shape",
    "latent_shape",
    "layout_to_obey",
    "make_windows",
    "quality",
    "sampled_roles",
    "sampled_students",
    "settings_named",
]
