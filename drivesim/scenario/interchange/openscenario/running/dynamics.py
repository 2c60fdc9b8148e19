"""Transitions of a speed or a lateral position between two values: shapes over time, rate or distance."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace

from drivesim.geometry.profiles import SmoothChange
from drivesim.scenario.interchange.openscenario.reading.attributes import choice, number

SHAPES = ("linear", "cubic", "sinusoidal", "step", "smooth")
DIMENSIONS = ("time", "rate", "distance")

# The largest slope and curvature of each shape, for a change by 1 within a duration of 1.
_PEAK_SLOPE = {"linear": 1.0, "cubic": 1.5, "sinusoidal": math.pi / 2, "smooth": SmoothChange.PEAK_SLOPE}
_PEAK_CURVATURE = {
    "linear": 0.0,
    "cubic": 6.0,
    "sinusoidal": math.pi**2 / 2,
    "smooth": 10 / math.sqrt(3),
}


def lengthened(longer_s: float, lasts_s: float) -> str:
    """Returns the note on a transition that takes longer than a file says."""
    return f"takes {longer_s:.1f} s, not {lasts_s:.1f} s, as tyres allow"


@dataclass(frozen=True)
class Dynamics:
    """The shape and length of a transition; `smooth` is drivesim's own, with slope and curvature 0 at both ends."""

    shape: str
    dimension: str
    value: float

    @classmethod
    def read(cls, element: ET.Element) -> Dynamics:
        """Reads SpeedActionDynamics or LaneChangeActionDynamics."""
        shape = choice(element, "dynamicsShape", SHAPES[:4])
        dimension = choice(element, "dynamicsDimension", DIMENSIONS, "time")
        return cls(shape, dimension, abs(number(element, "value", 0.0)))

    @property
    def immediate(self) -> bool:
        """Whether the value is reached at once."""
        return self.shape == "step" or (self.dimension != "rate" and self.value == 0)

    @property
    def peak_slope(self) -> float:
        """The largest slope, for a change by 1 within a duration of 1."""
        return _PEAK_SLOPE[self.shape]

    @property
    def peak_curvature(self) -> float:
        """The largest curvature, for a change by 1 within a duration of 1."""
        return _PEAK_CURVATURE[self.shape]

    def lasting(self, seconds: float, shape: str | None = None) -> Dynamics:
        """Returns the same transition with another duration and, optionally, another shape."""
        return replace(self, shape=shape or self.shape, dimension="time", value=seconds)

    def duration_s(self, change: float, mean_speed_mps: float) -> float:
        """Returns the duration of a change in seconds at a mean speed; infinite if it never ends."""
        match self.dimension:
            case "time":
                return self.value
            case "rate":
                return abs(change) / self.value if self.value else math.inf
            case _:
                return self.value / mean_speed_mps if mean_speed_mps > 0 else math.inf

    def share(self, progress: float) -> float:
        """Returns the completed fraction of the change after a fraction of its time."""
        u = min(max(progress, 0.0), 1.0)
        match self.shape:
            case "cubic":
                return u * u * (3 - 2 * u)
            case "sinusoidal":
                return (1 - math.cos(math.pi * u)) / 2
            case "smooth":
                return u**3 * (10 - 15 * u + 6 * u * u)
            case _:
                return u
