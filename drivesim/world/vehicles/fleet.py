"""The fleet: the parametric cars, vans, trucks and buses of the world, and their paints."""

from __future__ import annotations

from functools import cache

from drivesim.world.vehicles.buses import BusForm, bus_form
from drivesim.world.vehicles.cars import CarForm, car_form
from drivesim.world.vehicles.model import VehicleModel
from drivesim.world.vehicles.trucks import TruckForm, truck_form

PALETTE = (
    (0.86, 0.87, 0.88), (0.92, 0.92, 0.91), (0.62, 0.64, 0.66), (0.42, 0.43, 0.45), (0.24, 0.25, 0.27),
    (0.09, 0.09, 0.10), (0.70, 0.08, 0.08), (0.48, 0.06, 0.09), (0.10, 0.20, 0.52), (0.14, 0.40, 0.75),
    (0.40, 0.58, 0.76), (0.10, 0.33, 0.21), (0.36, 0.42, 0.24), (0.82, 0.64, 0.12), (0.50, 0.33, 0.20),
    (0.72, 0.62, 0.46), (0.52, 0.28, 0.52), (0.86, 0.38, 0.08), (0.30, 0.58, 0.58),
)  # fmt: skip
"""Paints of cars, vans and truck cabs."""

BUS_PALETTE = (
    (0.80, 0.14, 0.10), (0.90, 0.74, 0.14), (0.15, 0.35, 0.62), (0.86, 0.86, 0.85),
    (0.16, 0.48, 0.34), (0.85, 0.45, 0.10),
)  # fmt: skip
"""Liveries of buses."""

CARGO_PALETTE = (
    (0.88, 0.88, 0.87), (0.76, 0.76, 0.74), (0.55, 0.60, 0.65), (0.80, 0.70, 0.50),
    (0.62, 0.20, 0.18), (0.22, 0.38, 0.60),
    (0.20, 0.44, 0.32), (0.86, 0.60, 0.16),
)  # fmt: skip
"""Boxes of trucks and stripes of buses."""

_CAR_FORMS = {
    "sedan": CarForm(
        length_m=4.65, width_m=1.82, height_m=1.45, wheel_radius_m=0.33,
        belt_m=0.90, bonnet_m=0.88, deck_m=0.92, nose_m=0.72, cabin=(0.1, 0.25, 0.53, 0.72),
    ),
    "saloon": CarForm(
        length_m=4.95, width_m=1.88, height_m=1.46, wheel_radius_m=0.33,
        belt_m=0.90, bonnet_m=0.88, deck_m=0.92, nose_m=0.72, cabin=(0.11, 0.26, 0.52, 0.71),
    ),
    "coupe": CarForm(
        length_m=4.45, width_m=1.84, height_m=1.34, wheel_radius_m=0.33,
        belt_m=0.86, bonnet_m=0.84, deck_m=0.88, nose_m=0.66, cabin=(0.06, 0.3, 0.5, 0.7),
        side_panes=((0.1, 0.35), (0.4, 0.9)),
    ),
    "hatch": CarForm(
        length_m=4.05, width_m=1.76, height_m=1.48, wheel_radius_m=0.33,
        belt_m=0.92, bonnet_m=0.90, deck_m=0.90, nose_m=0.74, cabin=(0.015, 0.07, 0.55, 0.74),
        rear_pane=(0.35, 0.9),
    ),
    "small": CarForm(
        length_m=3.65, width_m=1.66, height_m=1.52, wheel_radius_m=0.33,
        belt_m=0.93, bonnet_m=0.93, deck_m=0.90, nose_m=0.78, cabin=(0.015, 0.06, 0.58, 0.78),
        rear_pane=(0.35, 0.9),
    ),
    "estate": CarForm(
        length_m=4.80, width_m=1.84, height_m=1.50, wheel_radius_m=0.33,
        belt_m=0.92, bonnet_m=0.89, deck_m=0.92, nose_m=0.73, cabin=(0.012, 0.07, 0.55, 0.73),
        rear_pane=(0.35, 0.9),
    ),
    "suv": CarForm(
        length_m=4.65, width_m=1.92, height_m=1.72, wheel_radius_m=0.37,
        belt_m=1.06, bonnet_m=1.04, deck_m=1.02, nose_m=0.90, cabin=(0.012, 0.05, 0.57, 0.74),
        rear_pane=(0.38, 0.9), tall_tail_lamps=True,
    ),
    "large_suv": CarForm(
        length_m=4.95, width_m=1.98, height_m=1.84, wheel_radius_m=0.39,
        belt_m=1.12, bonnet_m=1.10, deck_m=1.08, nose_m=0.98, cabin=(0.012, 0.04, 0.58, 0.73),
        rear_pane=(0.38, 0.9), tall_tail_lamps=True,
    ),
    "pickup": CarForm(
        length_m=5.40, width_m=1.96, height_m=1.82, wheel_radius_m=0.39,
        belt_m=1.08, bonnet_m=1.05, deck_m=1.06, nose_m=0.95, cabin=(0.4, 0.43, 0.6, 0.72),
        side_panes=((0.1, 0.47), (0.53, 0.92)), open_bed=True,
    ),
}  # fmt: skip
_VAN_FORMS = {
    "minivan": CarForm(
        length_m=4.95, width_m=1.96, height_m=1.98, wheel_radius_m=0.35,
        belt_m=1.05, bonnet_m=1.04, deck_m=1.04, nose_m=0.92, cabin=(0.01, 0.03, 0.68, 0.86),
        rear_pane=(0.42, 0.9), tall_tail_lamps=True,
    ),
    "panel_van": CarForm(
        length_m=5.50, width_m=2.02, height_m=2.42, wheel_radius_m=0.36,
        belt_m=1.12, bonnet_m=1.10, deck_m=1.10, nose_m=0.96, cabin=(0.008, 0.02, 0.73, 0.88),
        side_panes=((0.74, 0.93),), rear_pane=(0.5, 0.86), tall_tail_lamps=True,
    ),
    "high_van": CarForm(
        length_m=6.00, width_m=2.04, height_m=2.68, wheel_radius_m=0.37,
        belt_m=1.14, bonnet_m=1.12, deck_m=1.12, nose_m=0.98, cabin=(0.008, 0.02, 0.76, 0.89),
        side_panes=((0.78, 0.94),), rear_pane=(0.5, 0.8), tall_tail_lamps=True,
    ),
}  # fmt: skip
_TRUCK_FORMS = {
    "delivery_truck": TruckForm(length_m=6.4, width_m=2.25, height_m=2.95, cab_length_m=1.75),
    "box_truck": TruckForm(length_m=8.4, width_m=2.45, height_m=3.50, cab_length_m=2.0),
    "heavy_truck": TruckForm(length_m=10.8, width_m=2.52, height_m=3.75, cab_length_m=2.15),
    "lorry": TruckForm(length_m=13.2, width_m=2.55, height_m=3.95, cab_length_m=2.25),
    "tanker": TruckForm(length_m=9.6, width_m=2.50, height_m=3.30, cab_length_m=2.1, tank=True),
}
_BUS_FORMS = {
    "city_bus": BusForm(length_m=11.8, height_m=3.10),
    "short_bus": BusForm(length_m=9.6, height_m=3.00, width_m=2.45),
    "coach": BusForm(length_m=12.6, height_m=3.50),
}


@cache
def fleet() -> tuple[VehicleModel, ...]:
    """Returns all vehicle models; they are built once per process."""
    models = [VehicleModel.of("car", name, car_form(form)) for name, form in _CAR_FORMS.items()]
    models += [VehicleModel.of("van", name, car_form(form)) for name, form in _VAN_FORMS.items()]
    models += [VehicleModel.of("truck", name, truck_form(form)) for name, form in _TRUCK_FORMS.items()]
    models += [VehicleModel.of("bus", name, bus_form(form)) for name, form in _BUS_FORMS.items()]
    return tuple(models)
