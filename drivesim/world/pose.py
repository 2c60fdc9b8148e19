"""Where things are in the world: the camera and the vehicles of one moment.

World axes: x and y in the ground plane, z up, metres. Headings in radians, counter-clockwise from +x. Pitch is
positive when the camera looks up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivesim.world.vehicles.fleet import VehicleModel

Colour = tuple[float, float, float]
"""Linear red, green, blue in 0..1."""


@dataclass(frozen=True)
class PlacedVehicle:
    """One vehicle of the traffic at one moment; `x_m, y_m` is the middle of its footprint on the ground."""

    track_id: int
    model: VehicleModel
    x_m: float
    y_m: float
    heading_rad: float
    speed_mps: float
    paint: Colour
    cargo_paint: Colour
    braking: bool = False

    @property
    def category(self) -> str:
        return self.model.category


@dataclass(frozen=True)
class CameraPose:
    """A pinhole camera without roll, its principal point in the middle of the picture and its pixels square."""

    x_m: float
    y_m: float
    z_m: float
    heading_rad: float
    pitch_rad: float
    horizontal_fov_rad: float
