"""Cars and vans: a rounded body, a cabin with panes, lamps, wheels, mirrors and plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.quads import FLOAT
from drivesim.world.vehicles.shapes import (
    FRONT,
    LEFT,
    PLATE_HALF_WIDTH_M,
    REAR,
    RIGHT,
    Material,
    ShapeBuilder,
    add_arches,
    add_body,
    add_lamps,
    add_tower,
    add_wheels,
    inset,
    panel,
)

_AXLES = (0.185, 0.815)
"""Rear and front axle, as fractions of the length from the rear."""
_SILL_M, _SILL_PER_WHEEL_RADIUS, _USUAL_WHEEL_RADIUS_M = 0.20, 0.3, 0.33
"""Height of the lower edge of the body, and how it grows with wheels larger than usual."""
_BODY_OVERLAP_M = 0.03
"""The cabin begins this far below the upper edge of the body, so that no gap shows."""
_ROOF_THICKNESS_M = 0.085
_LAMP_LIFT_M, _PLATE_LIFT_M, _TRIM_LIFT_M = 0.02, 0.03, 0.015
"""Distances in front of the ends of the body at which lamps, plates and dark trim lie."""
_ARCH_LIFT_M, _WHEEL_LIFT_M = 0.006, 0.015
"""Distances beside the body at which the dark arches and the wheels lie."""
_MIRROR_BEHIND_SCREEN_M, _MIRROR_HALF_LENGTH_M, _MIRROR_HALF_WIDTH_M, _MIRROR_CHAMFER_M = 0.25, 0.06, 0.10, 0.03
_MIRROR_BOTTOM_M, _MIRROR_TOP_M = 0.02, 0.16
"""Lower and upper edge of the mirrors above the belt line."""


@dataclass(frozen=True)
class CarForm:
    """Outline of a car or van.

    Attributes:
        length_m: Length over everything.
        width_m: Width of the body.
        height_m: Height of the roof.
        belt_m: Height of the lower edge of the side windows.
        bonnet_m: Height of the rear end of the bonnet.
        deck_m: Height of the body at the rear.
        nose_m: Height of the front end of the bonnet.
        cabin: Foot of the rear window, rear and front end of the roof, and foot of the windscreen, as fractions of the
            length from the rear.
        wheel_radius_m: Radius of the wheels.
        side_panes: Start and end of each side window, as fractions of the cabin's side.
        rear_pane: Lower and upper edge of the rear window, as fractions of the cabin's rear.
        open_bed: Whether the rear is the open bed of a pickup.
        tall_tail_lamps: Whether the tail lamps are upright, as on vans, and not wide.
    """

    length_m: float
    width_m: float
    height_m: float
    belt_m: float
    bonnet_m: float
    deck_m: float
    nose_m: float
    cabin: tuple[float, float, float, float]
    wheel_radius_m: float = _USUAL_WHEEL_RADIUS_M
    side_panes: tuple[tuple[float, float], ...] = ((0.07, 0.30), (0.33, 0.60), (0.63, 0.90))
    rear_pane: tuple[float, float] = (0.12, 0.90)
    open_bed: bool = False
    tall_tail_lamps: bool = False

    @property
    def half_width_m(self) -> float:
        return self.width_m / 2

    @property
    def sill_m(self) -> float:
        """Height of the lower edge of the body."""
        return _SILL_M + _SILL_PER_WHEEL_RADIUS * (self.wheel_radius_m - _USUAL_WHEEL_RADIUS_M)

    def forward_m(self, fraction: float) -> float:
        """Returns the place that is this fraction of the length from the rear, in metres ahead of the middle."""
        return (fraction - 0.5) * self.length_m


def car_form(form: CarForm) -> ShapeBuilder:
    """Returns the shape of a car or van."""
    shape = ShapeBuilder()
    _add_car_body(shape, form)
    _add_cabin(shape, form)
    if form.open_bed:
        _add_bed(shape, form)
    _add_tail_lamps(shape, form)
    _add_ends(shape, form)
    for axle in _AXLES:
        add_arches(shape, form.half_width_m + _ARCH_LIFT_M, form.forward_m(axle), form.wheel_radius_m)
        add_wheels(shape, form.half_width_m + _WHEEL_LIFT_M, form.forward_m(axle), form.wheel_radius_m)
    _add_mirrors(shape, form)
    return shape


def _add_car_body(shape: ShapeBuilder, form: CarForm) -> None:
    """Adds the body by its cross-sections: place, half width, lower and upper edge."""
    y, half, low = form.forward_m, form.half_width_m, form.sill_m
    add_body(
        shape,
        [
            (y(0.0), half * 0.86, low + 0.14, form.deck_m * 0.84),
            (y(0.022), half * 0.95, low + 0.05, form.deck_m * 0.97),
            (y(0.12), half * 0.99, low, form.deck_m),
            (y(0.30), half, low, form.belt_m),
            (y(0.66), half, low, form.belt_m),
            (y(0.75), half * 0.995, low, form.bonnet_m),
            (y(0.90), half * 0.965, low, form.bonnet_m * 0.96),
            (y(0.975), half * 0.91, low + 0.05, form.nose_m),
            (y(1.0), half * 0.80, low + 0.12, form.nose_m * 0.82),
        ],
    )


def _add_cabin(shape: ShapeBuilder, form: CarForm) -> None:
    """Adds the cabin, which narrows towards the roof, with its panes and the third brake lamp."""
    foot, roof_rear, roof_front, screen = (form.forward_m(fraction) for fraction in form.cabin)
    wide, narrow = form.half_width_m * 0.90, form.half_width_m * 0.765
    base, eaves = min(form.belt_m, form.deck_m, form.bonnet_m) - _BODY_OVERLAP_M, form.height_m - _ROOF_THICKNESS_M
    walls = add_tower(
        shape,
        [
            (foot, screen, wide, base),
            (roof_rear - 0.05, roof_front + 0.06, narrow, eaves),
            (roof_rear + 0.10, roof_front - 0.12, narrow * 0.86, form.height_m),
        ],
        chamfer=0.10,
        material=Material.PAINT,
    )
    rear, right, front, left = (walls[0][side] for side in (REAR, RIGHT, FRONT, LEFT))
    above_body = (form.belt_m + 0.02 - base) / (eaves - base)
    shape.add(inset(front, 0.03, 0.97, above_body, 0.97), Material.GLASS)
    shape.add(inset(rear, 0.06, 0.94, max(above_body, form.rear_pane[0]), form.rear_pane[1]), Material.GLASS)
    for start, stop in form.side_panes:
        shape.add(inset(right, start, stop, above_body + 0.03, 0.92), Material.GLASS)
        shape.add(inset(left, 1 - stop, 1 - start, above_body + 0.03, 0.92), Material.GLASS)
    shape.add(inset(rear, 0.38, 0.62, 0.93, 0.99, 0.02), Material.BRAKE_LAMP)


def _add_bed(shape: ShapeBuilder, form: CarForm) -> None:
    """Adds the dark floor of an open bed, just above the body."""
    half, rear, front = form.half_width_m * 0.8, form.forward_m(0.03), form.forward_m(0.40)
    corners = np.array([(-half, rear), (half, rear), (half, front), (-half, front)])
    shape.add(np.column_stack([corners, np.full(4, form.belt_m + 0.035)]), Material.PLASTIC)


def _add_tail_lamps(shape: ShapeBuilder, form: CarForm) -> None:
    half, belt, y = form.half_width_m, form.belt_m, form.forward_m(0.0) - _LAMP_LIFT_M
    if form.tall_tail_lamps:
        add_lamps(shape, Material.TAIL_LAMP, (half * 0.70, half * 0.90), y, (belt * 0.66, belt * 1.10))
        add_lamps(shape, Material.INDICATOR, (half * 0.70, half * 0.90), y, (belt * 0.56, belt * 0.65))
    else:
        tail = _tail_m(form)
        add_lamps(shape, Material.TAIL_LAMP, (half * 0.48, half * 0.88), y, (tail - 0.08, tail + 0.08))
        add_lamps(shape, Material.INDICATOR, (half * 0.36, half * 0.47), y, (tail - 0.06, tail + 0.06))


def _add_ends(shape: ShapeBuilder, form: CarForm) -> None:
    """Adds head lamps, the grille between them, dark bumpers and the plates."""
    half, low, back, nose = form.half_width_m, form.sill_m, form.forward_m(0.0), form.forward_m(1.0)
    head = form.nose_m * 0.80
    lamps, grille = nose + _LAMP_LIFT_M, (-half * 0.42, half * 0.42)
    add_lamps(shape, Material.HEAD_LAMP, (half * 0.48, half * 0.84), lamps, (head - 0.09, head + 0.08))
    shape.add(panel(grille, lamps, (head - 0.09, head + 0.05), "front"), Material.PLASTIC)
    front_bumper, rear_bumper = (-half * 0.72, half * 0.72), (-half * 0.84, half * 0.84)
    shape.add(panel(front_bumper, nose + _TRIM_LIFT_M, (low + 0.14, low + 0.26), "front"), Material.PLASTIC)
    shape.add(panel(rear_bumper, back - _TRIM_LIFT_M, (low + 0.12, low + 0.24), "rear"), Material.PLASTIC)
    plate, middle = (-PLATE_HALF_WIDTH_M, PLATE_HALF_WIDTH_M), _tail_m(form) - 0.06
    if form.tall_tail_lamps:
        middle = form.belt_m * 0.5
    shape.add(panel(plate, back - _PLATE_LIFT_M, (middle - 0.07, middle + 0.06), "rear"), Material.PLATE)
    shape.add(panel(plate, nose + _PLATE_LIFT_M, (low + 0.27, low + 0.39), "front"), Material.PLATE)


def _add_mirrors(shape: ShapeBuilder, form: CarForm) -> None:
    middle = form.forward_m(form.cabin[3]) - _MIRROR_BEHIND_SCREEN_M
    outline = (middle - _MIRROR_HALF_LENGTH_M, middle + _MIRROR_HALF_LENGTH_M, _MIRROR_HALF_WIDTH_M)
    for side in (-1, 1):
        mirror = ShapeBuilder()
        levels = [(*outline, form.belt_m + _MIRROR_BOTTOM_M), (*outline, form.belt_m + _MIRROR_TOP_M)]
        add_tower(mirror, levels, _MIRROR_CHAMFER_M, Material.PAINT)
        vertices, *_ = mirror.build()
        shape.add(vertices + np.array([side * form.half_width_m * 1.07, 0, 0], FLOAT), Material.PAINT)


def _tail_m(form: CarForm) -> float:
    """Returns the height of the middle of wide tail lamps."""
    return form.deck_m * 0.76
