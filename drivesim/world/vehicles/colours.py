"""The coarse colour of a vehicle: the one that most of its paint has."""

from __future__ import annotations

import colorsys
from functools import cache

import numpy as np

from drivesim.scenario.schema.vocabulary import VehicleColour
from drivesim.world.quads import Colour
from drivesim.world.vehicles.model import VehicleModel
from drivesim.world.vehicles.placement import PlacedVehicle
from drivesim.world.vehicles.shapes import Material

_GREY_SATURATION, _PALE_SATURATION = 0.16, 0.28
"""Below the first saturation a paint has no hue; below the second a bright paint still looks white or grey."""
_BLACK_VALUE, _WHITE_VALUE = 0.17, 0.74
"""Brightness below which paint without a hue is black, and above which it is white."""
_HUES: tuple[tuple[float, VehicleColour | None], ...] = (
    (12, "red"), (68, "yellow"), (190, "green"), (265, "blue"), (330, None), (360, "red"),
)  # fmt: skip
"""Upper limits of hues in degrees; what is purple has no name among the coarse colours."""
_BROWN_HUES, _BROWN_VALUE, _BEIGE_SATURATION = (12, 50), 0.62, 0.45
"""Between these hues, darker or paler paint is brown or beige, and other paint orange or yellow."""


def coarse_colour(vehicle: PlacedVehicle) -> VehicleColour | None:
    """Returns the colour of the larger painted part of a vehicle, body or cargo box; None if it has no name here."""
    return colour_name(vehicle.cargo_paint if _shows_mostly_cargo(vehicle.model) else vehicle.paint)


def colour_name(paint: Colour) -> VehicleColour | None:
    """Returns the name of a paint, red, green and blue in 0..1; None for purple."""
    hue, saturation, value = colorsys.rgb_to_hsv(*paint)
    if saturation < (_PALE_SATURATION if value < _BLACK_VALUE else _GREY_SATURATION):
        return "black" if value < _BLACK_VALUE else "white" if value > _WHITE_VALUE else "grey"
    degrees = 360 * hue
    first, last = _BROWN_HUES
    if first <= degrees <= last and (value < _BROWN_VALUE or saturation < _BEIGE_SATURATION):
        return "brown"
    return next(name for limit, name in _HUES if degrees <= limit)


@cache
def _shows_mostly_cargo(model: VehicleModel) -> bool:
    """Whether more of a model's surface is a cargo box than painted body."""
    edges = model.vertices[:, 2] - model.vertices[:, 0], model.vertices[:, 3] - model.vertices[:, 1]
    area = np.linalg.norm(np.cross(*edges), axis=-1) / 2
    return bool(area[model.materials == Material.CARGO].sum() > area[model.materials == Material.PAINT].sum())
