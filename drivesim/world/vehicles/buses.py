"""City buses and coaches: a band of windows, doors on the right, a stripe."""

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
    add_arches,
    add_lamps,
    add_tower,
    add_wheels,
    inset,
    panel,
)

_PANE_M, _MIN_PANES = 1.7, 4
"""Usual length of a side window, and how many there are at least on each side."""
_PANE_SHARE = 0.9
"""Glass of each window, as a fraction of its share of the side; the rest is frame."""
_DOORS, _DOOR_WIDTH = (0.10, 0.52), 0.11
"""Doors on the right, as fractions of the length behind the front, and the width of each."""
_AXLE_FROM_END_M, _WHEEL_RADIUS_M, _WHEEL_WIDTH_M = 2.6, 0.50, 0.28
_ARCH_LIFT_M, _WHEEL_LIFT_M, _END_LIFT_M = 0.022, 0.03, 0.03
"""Distances from the body at which arches and wheels lie at its sides, and lamps and plate at its ends."""


@dataclass(frozen=True)
class BusForm:
    """Outline of a bus."""

    length_m: float
    height_m: float
    width_m: float = 2.52

    @property
    def half_width_m(self) -> float:
        return self.width_m / 2

    @property
    def front_m(self) -> float:
        return self.length_m / 2

    @property
    def rear_m(self) -> float:
        return -self.length_m / 2


def bus_form(form: BusForm) -> ShapeBuilder:
    """Returns the shape of a bus."""
    shape = ShapeBuilder()
    half, front, rear, height = form.half_width_m, form.front_m, form.rear_m, form.height_m
    walls = add_tower(
        shape,
        [
            (rear + 0.06, front - 0.06, half * 0.97, 0.33),
            (rear, front, half, 0.60),
            (rear, front, half, 1.30),
            (rear, front - 0.05, half, height - 0.42),
            (rear + 0.02, front - 0.10, half * 0.985, height - 0.16),
            (rear + 0.20, front - 0.30, half * 0.88, height),
        ],
        chamfer=0.18,
        material=Material.PAINT,
    )
    _add_panes(shape, form, walls)
    _add_ends(shape, form)
    for axle in (rear + _AXLE_FROM_END_M, front - _AXLE_FROM_END_M):
        add_arches(shape, half + _ARCH_LIFT_M, axle, _WHEEL_RADIUS_M)
        add_wheels(shape, half + _WHEEL_LIFT_M, axle, _WHEEL_RADIUS_M, _WHEEL_WIDTH_M)
    return shape


def _add_panes(shape: ShapeBuilder, form: BusForm, walls: np.ndarray) -> None:
    """Adds windows, doors, the stripe along the sides, windscreen, destination sign and the grille at the rear."""
    skirt, band, sign = walls[1], walls[2], walls[3]
    panes = max(_MIN_PANES, round(form.length_m / _PANE_M))
    for start in (np.arange(panes) + (1 - _PANE_SHARE) / 2) / panes:
        shape.add(inset(band[RIGHT], start, start + _PANE_SHARE / panes, 0.08, 0.96), Material.LIT_GLASS)
        shape.add(inset(band[LEFT], start, start + _PANE_SHARE / panes, 0.08, 0.96), Material.LIT_GLASS)
    for start in _DOORS:
        shape.add(inset(skirt[RIGHT], 1 - start - _DOOR_WIDTH, 1 - start, 0.0, 1.0, 0.02), Material.GLASS)
    for side in (skirt[RIGHT], skirt[LEFT]):
        shape.add(inset(side, 0.0, 1.0, 0.45, 0.80, 0.01), Material.CARGO)
    shape.add(inset(band[FRONT], 0.0, 1.0, 0.0, 0.98, 0.015), Material.GLASS)
    shape.add(inset(sign[FRONT], 0.1, 0.9, 0.1, 0.9, 0.015), Material.LIT_GLASS)
    shape.add(inset(band[REAR], 0.06, 0.94, 0.20, 0.92, 0.015), Material.LIT_GLASS)
    shape.add(inset(skirt[REAR], 0.12, 0.88, 0.15, 0.85, 0.012), Material.PLASTIC)


def _add_ends(shape: ShapeBuilder, form: BusForm) -> None:
    """Adds lamps and the rear plate."""
    half, height, rear, front = form.half_width_m, form.height_m, form.rear_m - _END_LIFT_M, form.front_m + _END_LIFT_M
    add_lamps(shape, Material.TAIL_LAMP, (half * 0.72, half * 0.86), rear, (0.70, 1.28))
    add_lamps(shape, Material.INDICATOR, (half * 0.72, half * 0.86), rear, (1.30, 1.50))
    add_lamps(shape, Material.BRAKE_LAMP, (half * 0.30, half * 0.60), rear, (height - 0.40, height - 0.32))
    add_lamps(shape, Material.HEAD_LAMP, (half * 0.54, half * 0.85), front, (0.62, 0.90))
    shape.add(panel((-PLATE_HALF_WIDTH_M, PLATE_HALF_WIDTH_M), rear, (0.66, 0.80), "rear"), Material.PLATE)
