"""Trucks: a cab in front of a cargo box or a tank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.vehicles.shapes import (
    FRONT,
    LEFT,
    PLATE_HALF_WIDTH_M,
    REAR,
    RIGHT,
    Material,
    ShapeBuilder,
    add_lamps,
    add_tower,
    add_wheels,
    inset,
    panel,
)

_HEAVY_LENGTH_M = 8.0
"""Trucks longer than this have larger wheels and a higher deck."""
_THREE_AXLES_LENGTH_M, _FOUR_AXLES_LENGTH_M = 9.0, 12.0
_WHEEL_RADIUS_M, _HEAVY_WHEEL_RADIUS_M, _WHEEL_WIDTH_M = 0.42, 0.50, 0.30
_DECK_M, _HEAVY_DECK_M, _FRAME_M = 0.85, 1.0, 0.55
"""Height of the cargo's lower edge, and of the lower edge of the frame below it."""
_REAR_AXLE_M, _FRONT_AXLE_M = 1.3, 1.15
"""Distances of the outer axles from the ends."""
_AXLE_SPACING_IN_RADII = 2.4
_MAX_CAB_HEIGHT_M = 2.95
_CAB_GAP_M = 0.12
"""Distance between cab and cargo."""
_BUMPER_LIFT_M, _LAMP_LIFT_M, _PLATE_LIFT_M = 0.01, 0.03, 0.035
"""Distances behind the cargo at which bumper, lamps and plate lie."""
_FRONT_BUMPER_LIFT_M, _HEAD_LAMP_LIFT_M = 0.03, 0.035
"""Distances in front of the cab at which bumper and head lamps lie."""


@dataclass(frozen=True)
class TruckForm:
    """Outline of a truck; `tank` says whether it carries a tank and not a box."""

    length_m: float
    width_m: float
    height_m: float
    cab_length_m: float
    tank: bool = False

    @property
    def half_width_m(self) -> float:
        return self.width_m / 2

    @property
    def front_m(self) -> float:
        return self.length_m / 2

    @property
    def rear_m(self) -> float:
        return -self.length_m / 2

    @property
    def cargo_front_m(self) -> float:
        """The front end of the cargo."""
        return self.front_m - self.cab_length_m - _CAB_GAP_M

    @property
    def deck_m(self) -> float:
        """Height of the lower edge of the cargo."""
        return _HEAVY_DECK_M if self.length_m > _HEAVY_LENGTH_M else _DECK_M

    @property
    def wheel_radius_m(self) -> float:
        return _HEAVY_WHEEL_RADIUS_M if self.length_m > _HEAVY_LENGTH_M else _WHEEL_RADIUS_M

    @property
    def axles_m(self) -> list[float]:
        """Places of the axles, in metres ahead of the middle."""
        rearmost = self.rear_m + _REAR_AXLE_M
        axles = [rearmost, self.front_m - _FRONT_AXLE_M]
        if self.length_m > _THREE_AXLES_LENGTH_M:
            axles.insert(1, rearmost + _AXLE_SPACING_IN_RADII * self.wheel_radius_m)
        if self.length_m > _FOUR_AXLES_LENGTH_M:
            axles.insert(2, rearmost + 2 * _AXLE_SPACING_IN_RADII * self.wheel_radius_m)
        return axles


def truck_form(form: TruckForm) -> ShapeBuilder:
    """Returns the shape of a truck."""
    shape = ShapeBuilder()
    _add_cab(shape, form)
    if form.tank:
        _add_tank(shape, form)
    else:
        _add_cargo_box(shape, form)
    frame = (form.rear_m + 0.1, form.cargo_front_m, form.half_width_m * 0.8)
    add_tower(shape, [(*frame, _FRAME_M), (*frame, form.deck_m)], 0.05, Material.PLASTIC)
    for axle in form.axles_m:
        add_wheels(shape, form.half_width_m - 0.01, axle, form.wheel_radius_m, _WHEEL_WIDTH_M)
    _add_ends(shape, form)
    return shape


def _add_cab(shape: ShapeBuilder, form: TruckForm) -> None:
    half, front, rear = form.half_width_m, form.front_m, form.front_m - form.cab_length_m
    top = min(form.height_m * 0.88, _MAX_CAB_HEIGHT_M)
    walls = add_tower(
        shape,
        [
            (rear, front, half * 0.97, 0.45),
            (rear, front + 0.02, half, 1.05),
            (rear, front - 0.05, half, top * 0.60),
            (rear, front - 0.30, half * 0.96, top - 0.12),
            (rear + 0.1, front - 0.45, half * 0.86, top),
        ],
        chamfer=0.16,
        material=Material.PAINT,
    )
    grille_level, window_level = walls[1], walls[2]
    shape.add(inset(window_level[FRONT], 0.02, 0.98, 0.02, 0.86), Material.GLASS)
    shape.add(inset(window_level[RIGHT], 0.25, 0.95, 0.06, 0.80), Material.GLASS)
    shape.add(inset(window_level[LEFT], 0.05, 0.75, 0.06, 0.80), Material.GLASS)
    shape.add(inset(grille_level[FRONT], 0.12, 0.88, 0.05, 0.80), Material.PLASTIC)


def _add_tank(shape: ShapeBuilder, form: TruckForm) -> None:
    half, front, rear, deck = form.half_width_m, form.cargo_front_m, form.rear_m, form.deck_m
    add_tower(
        shape,
        [
            (rear + 0.2, front, half * 0.55, deck),
            (rear + 0.05, front, half * 0.95, deck + 0.45),
            (rear, front, half, deck + 0.95),
            (rear + 0.05, front, half * 0.85, form.height_m - 0.35),
            (rear + 0.2, front, half * 0.45, form.height_m - 0.05),
        ],
        chamfer=0.30,
        material=Material.CARGO,
    )


def _add_cargo_box(shape: ShapeBuilder, form: TruckForm) -> None:
    """Adds the box with the doors at its rear, and a stripe in the colour of the cab on its sides."""
    half, front, rear, height = form.half_width_m, form.cargo_front_m, form.rear_m, form.height_m
    walls = add_tower(
        shape,
        [
            (rear, front, half, form.deck_m),
            (rear, front, half, height - 0.04),
            (rear + 0.04, front, half - 0.04, height),
        ],
        chamfer=0.05,
        material=Material.CARGO,
    )
    back = walls[0][REAR]
    shape.add(inset(back, 0.493, 0.507, 0.03, 0.97), Material.PLASTIC)
    for left in (0.02, 0.965):
        shape.add(inset(back, left, left + 0.015, 0.02, 0.98), Material.CHROME)
    shape.add(inset(back, 0.02, 0.98, 0.0, 0.035), Material.CHROME)
    for side in (walls[0][RIGHT], walls[0][LEFT]):
        shape.add(inset(side, 0.0, 1.0, 0.0, 0.05), Material.PLASTIC)
        shape.add(inset(side, 0.25, 0.75, 0.42, 0.62), Material.PAINT)


def _add_ends(shape: ShapeBuilder, form: TruckForm) -> None:
    """Adds bumpers, lamps and the rear plate."""
    half, front, rear = form.half_width_m, form.front_m, form.rear_m
    bumper = np.array([-half * 0.92, half * 0.92])
    shape.add(panel((bumper[0], bumper[1]), rear - _BUMPER_LIFT_M, (0.42, 0.62), "rear"), Material.PLASTIC)
    lamps, head_lamps = rear - _LAMP_LIFT_M, front + _HEAD_LAMP_LIFT_M
    add_lamps(shape, Material.TAIL_LAMP, (half * 0.66, half * 0.95), lamps, (0.62, 0.86))
    add_lamps(shape, Material.INDICATOR, (half * 0.52, half * 0.65), lamps, (0.64, 0.84))
    add_lamps(shape, Material.HEAD_LAMP, (half * 0.58, half * 0.90), head_lamps, (0.66, 0.92))
    front_bumper = (-half * 0.95, half * 0.95)
    shape.add(panel(front_bumper, front + _FRONT_BUMPER_LIFT_M, (0.40, 0.60), "front"), Material.PLASTIC)
    plate = (-PLATE_HALF_WIDTH_M, PLATE_HALF_WIDTH_M)
    shape.add(panel(plate, rear - _PLATE_LIFT_M, (0.66, 0.80), "rear"), Material.PLATE)
