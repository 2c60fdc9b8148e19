"""Whole vehicles made of parts: cars and vans, trucks, buses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.quads import FLOAT
from drivesim.world.vehicles.shapes import (
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


@dataclass(frozen=True)
class CarForm:
    """Outline of a car or van: heights in metres, places as fractions of the length from the rear."""

    length_m: float
    width_m: float
    height_m: float
    belt_m: float
    bonnet_m: float
    deck_m: float
    nose_m: float
    cabin: tuple[float, float, float, float]
    """Foot of the rear window, rear and front end of the roof, foot of the windscreen."""
    wheel_radius_m: float = 0.33
    side_panes: tuple[tuple[float, float], ...] = ((0.07, 0.30), (0.33, 0.60), (0.63, 0.90))
    rear_pane: tuple[float, float] = (0.12, 0.90)
    open_bed: bool = False
    tall_tail_lamps: bool = False


def car_form(form: CarForm) -> ShapeBuilder:
    """Body, cabin with panes, lamps, wheels, mirrors, plates of a car or van."""
    shape = ShapeBuilder()
    half, low = form.width_m / 2, 0.20 + 0.3 * (form.wheel_radius_m - 0.33)

    def y(fraction: float) -> float:
        return (fraction - 0.5) * form.length_m

    deck, belt, bonnet, nose = form.deck_m, form.belt_m, form.bonnet_m, form.nose_m
    wheels = (0.185, 0.815)
    add_body(
        shape,
        [
            (y(0.0), half * 0.86, low + 0.14, deck * 0.84),
            (y(0.022), half * 0.95, low + 0.05, deck * 0.97),
            (y(0.12), half * 0.99, low, deck),
            (y(0.30), half, low, belt),
            (y(0.66), half, low, belt),
            (y(0.75), half * 0.995, low, bonnet),
            (y(0.90), half * 0.965, low, bonnet * 0.96),
            (y(0.975), half * 0.91, low + 0.05, nose),
            (y(1.0), half * 0.80, low + 0.12, nose * 0.82),
        ],
    )
    foot, roof_rear, roof_front, screen = (y(f) for f in form.cabin)
    wide, narrow, base = half * 0.90, half * 0.765, min(belt, deck, bonnet) - 0.03
    walls = add_tower(
        shape,
        [
            (foot, screen, wide, base),
            (roof_rear - 0.05, roof_front + 0.06, narrow, form.height_m - 0.085),
            (roof_rear + 0.10, roof_front - 0.12, narrow * 0.86, form.height_m),
        ],
        chamfer=0.10,
        material=Material.PAINT,
    )
    rear, _, right, _, front, _, left, _ = walls[0]
    clear = (belt + 0.02 - base) / (form.height_m - 0.085 - base)
    shape.add(inset(front, 0.03, 0.97, clear, 0.97), Material.GLASS)
    shape.add(inset(rear, 0.06, 0.94, max(clear, form.rear_pane[0]), form.rear_pane[1]), Material.GLASS)
    for start, stop in form.side_panes:
        shape.add(inset(right, start, stop, clear + 0.03, 0.92), Material.GLASS)
        shape.add(inset(left, 1 - stop, 1 - start, clear + 0.03, 0.92), Material.GLASS)
    shape.add(inset(rear, 0.38, 0.62, 0.93, 0.99, 0.02), Material.BRAKE_LAMP)
    if form.open_bed:
        bed = np.array([(-half * 0.8, y(0.03)), (half * 0.8, y(0.03)), (half * 0.8, y(0.40)), (-half * 0.8, y(0.40))])
        shape.add(np.column_stack([bed, np.full(4, belt + 0.035)]), Material.PLASTIC)

    back, nose_y = y(0.0), y(1.0)
    tail = deck * 0.76
    if form.tall_tail_lamps:
        add_lamps(shape, Material.TAIL_LAMP, half * 0.70, half * 0.90, back - 0.02, belt * 0.66, belt * 1.10)
        add_lamps(shape, Material.INDICATOR, half * 0.70, half * 0.90, back - 0.02, belt * 0.56, belt * 0.65)
    else:
        add_lamps(shape, Material.TAIL_LAMP, half * 0.48, half * 0.88, back - 0.02, tail - 0.08, tail + 0.08)
        add_lamps(shape, Material.INDICATOR, half * 0.36, half * 0.47, back - 0.02, tail - 0.06, tail + 0.06)
    head = nose * 0.80
    add_lamps(shape, Material.HEAD_LAMP, half * 0.48, half * 0.84, nose_y + 0.02, head - 0.09, head + 0.08)
    shape.add(panel(-half * 0.42, half * 0.42, nose_y + 0.02, head - 0.09, head + 0.05, "front"), Material.PLASTIC)
    shape.add(panel(-half * 0.72, half * 0.72, nose_y + 0.015, low + 0.14, low + 0.26, "front"), Material.PLASTIC)
    shape.add(panel(-half * 0.84, half * 0.84, back - 0.015, low + 0.12, low + 0.24, "rear"), Material.PLASTIC)
    plate = tail - 0.06 if not form.tall_tail_lamps else belt * 0.5
    shape.add(panel(-0.26, 0.26, back - 0.03, plate - 0.07, plate + 0.06, "rear"), Material.PLATE)
    shape.add(panel(-0.26, 0.26, nose_y + 0.03, low + 0.27, low + 0.39, "front"), Material.PLATE)
    for fraction in wheels:
        add_arches(shape, half + 0.006, y(fraction), form.wheel_radius_m)
        add_wheels(shape, half + 0.015, y(fraction), form.wheel_radius_m)
    mirror = y(form.cabin[3]) - 0.25
    for side in (-1, 1):
        outline = (mirror - 0.06, mirror + 0.06, 0.10)
        walls_levels = [(*outline, belt + 0.02), (*outline, belt + 0.16)]
        part = ShapeBuilder()
        add_tower(part, walls_levels, 0.03, Material.PAINT)
        vertices, *_ = part.build()
        shape.add(vertices + np.array([side * half * 1.07, 0, 0], FLOAT), Material.PAINT)
    return shape


def truck_form(length: float, width: float, height: float, cab_length: float, tank: bool = False) -> ShapeBuilder:
    """A cab in front of a cargo box (or a tank)."""
    shape = ShapeBuilder()
    half, front, rear = width / 2, length / 2, -length / 2
    cab_rear, cab_top = front - cab_length, min(height * 0.88, 2.95)
    cab = add_tower(
        shape,
        [
            (cab_rear, front, half * 0.97, 0.45),
            (cab_rear, front + 0.02, half, 1.05),
            (cab_rear, front - 0.05, half, cab_top * 0.60),
            (cab_rear, front - 0.30, half * 0.96, cab_top - 0.12),
            (cab_rear + 0.1, front - 0.45, half * 0.86, cab_top),
        ],
        chamfer=0.16,
        material=Material.PAINT,
    )
    shape.add(inset(cab[2][4], 0.02, 0.98, 0.02, 0.86), Material.GLASS)
    shape.add(inset(cab[2][2], 0.25, 0.95, 0.06, 0.80), Material.GLASS)
    shape.add(inset(cab[2][6], 0.05, 0.75, 0.06, 0.80), Material.GLASS)
    shape.add(inset(cab[1][4], 0.12, 0.88, 0.05, 0.80), Material.PLASTIC)
    box_front = cab_rear - 0.12
    deck = 1.0 if length > 8 else 0.85
    if tank:
        add_tower(
            shape,
            [
                (rear + 0.2, box_front, half * 0.55, deck),
                (rear + 0.05, box_front, half * 0.95, deck + 0.45),
                (rear, box_front, half, deck + 0.95),
                (rear + 0.05, box_front, half * 0.85, height - 0.35),
                (rear + 0.2, box_front, half * 0.45, height - 0.05),
            ],
            chamfer=0.30,
            material=Material.CARGO,
        )
    else:
        box = add_tower(
            shape,
            [
                (rear, box_front, half, deck),
                (rear, box_front, half, height - 0.04),
                (rear + 0.04, box_front, half - 0.04, height),
            ],
            chamfer=0.05,
            material=Material.CARGO,
        )
        back = box[0][0]
        shape.add(inset(back, 0.493, 0.507, 0.03, 0.97), Material.PLASTIC)
        for left in (0.02, 0.965):
            shape.add(inset(back, left, left + 0.015, 0.02, 0.98), Material.CHROME)
        shape.add(inset(back, 0.02, 0.98, 0.0, 0.035), Material.CHROME)
        for side in (box[0][2], box[0][6]):
            shape.add(inset(side, 0.0, 1.0, 0.0, 0.05), Material.PLASTIC)
            shape.add(inset(side, 0.25, 0.75, 0.42, 0.62), Material.PAINT)
    add_tower(
        shape,
        [(rear + 0.1, box_front, half * 0.8, 0.55), (rear + 0.1, box_front, half * 0.8, deck)],
        0.05,
        Material.PLASTIC,
    )
    radius = 0.50 if length > 8 else 0.42
    axles = [rear + 1.3, front - 1.15]
    if length > 9:
        axles.insert(1, rear + 1.3 + 2.4 * radius)
    if length > 12:
        axles.insert(2, rear + 1.3 + 4.8 * radius)
    for y in axles:
        add_wheels(shape, half - 0.01, y, radius, 0.30)
    bumper = np.array([-half * 0.92, half * 0.92])
    shape.add(panel(*bumper, rear - 0.01, 0.42, 0.62, "rear"), Material.PLASTIC)
    add_lamps(shape, Material.TAIL_LAMP, half * 0.66, half * 0.95, rear - 0.03, 0.62, 0.86)
    add_lamps(shape, Material.INDICATOR, half * 0.52, half * 0.65, rear - 0.03, 0.64, 0.84)
    add_lamps(shape, Material.HEAD_LAMP, half * 0.58, half * 0.90, front + 0.035, 0.66, 0.92)
    shape.add(panel(-half * 0.95, half * 0.95, front + 0.03, 0.40, 0.60, "front"), Material.PLASTIC)
    shape.add(panel(-0.26, 0.26, rear - 0.035, 0.66, 0.80, "rear"), Material.PLATE)
    return shape


def bus_form(length: float, height: float, width: float = 2.52) -> ShapeBuilder:
    """A city bus: a band of windows, doors on the right, a stripe."""
    shape = ShapeBuilder()
    half, front, rear = width / 2, length / 2, -length / 2
    body = add_tower(
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
    skirt, band = body[1], body[2]
    panes = max(4, round(length / 1.7))
    starts = (np.arange(panes) + 0.05) / panes
    for start in starts:
        shape.add(inset(band[2], start, start + 0.9 / panes, 0.08, 0.96), Material.LIT_GLASS)
        shape.add(inset(band[6], start, start + 0.9 / panes, 0.08, 0.96), Material.LIT_GLASS)
    for start in (0.10, 0.52):
        shape.add(inset(skirt[2], 1 - start - 0.11, 1 - start, 0.0, 1.0, 0.02), Material.GLASS)
    for side in (skirt[2], skirt[6]):
        shape.add(inset(side, 0.0, 1.0, 0.45, 0.80, 0.01), Material.CARGO)
    shape.add(inset(band[4], 0.0, 1.0, 0.0, 0.98, 0.015), Material.GLASS)
    shape.add(inset(body[3][4], 0.1, 0.9, 0.1, 0.9, 0.015), Material.LIT_GLASS)
    shape.add(inset(band[0], 0.06, 0.94, 0.20, 0.92, 0.015), Material.LIT_GLASS)
    shape.add(inset(skirt[0], 0.12, 0.88, 0.15, 0.85, 0.012), Material.PLASTIC)
    add_lamps(shape, Material.TAIL_LAMP, half * 0.72, half * 0.86, rear - 0.03, 0.70, 1.28)
    add_lamps(shape, Material.INDICATOR, half * 0.72, half * 0.86, rear - 0.03, 1.30, 1.50)
    add_lamps(shape, Material.BRAKE_LAMP, half * 0.30, half * 0.60, rear - 0.03, height - 0.40, height - 0.32)
    add_lamps(shape, Material.HEAD_LAMP, half * 0.54, half * 0.85, front + 0.03, 0.62, 0.90)
    shape.add(panel(-0.26, 0.26, rear - 0.03, 0.66, 0.80, "rear"), Material.PLATE)
    for y in (rear + 2.6, front - 2.6):
        add_arches(shape, half + 0.022, y, 0.50)
        add_wheels(shape, half + 0.03, y, 0.50, 0.28)
    return shape
