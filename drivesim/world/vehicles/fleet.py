"""The fleet: parametric cars, vans, trucks and buses, and their placement in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from drivesim.world.pose import PlacedVehicle
from drivesim.world.quads import FLOAT
from drivesim.world.vehicles.forms import CarForm, bus_form, car_form, truck_form
from drivesim.world.vehicles.shapes import Material, ShapeBuilder

CATEGORIES = ("car", "van", "truck", "bus")

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


@dataclass(frozen=True, eq=False)
class VehicleModel:
    """One kind of vehicle in its local frame: x right, y forward, z up, metres.

    vertices and normals (n 4 3), face_normals (n 3), materials (n) of `Material`; head_lamps and tail_lamps (k 3)
    are the middles of the lamps.
    """

    category: str
    name: str
    vertices: np.ndarray
    normals: np.ndarray
    face_normals: np.ndarray
    materials: np.ndarray
    half_width_m: float
    half_length_m: float
    height_m: float
    head_lamps: np.ndarray
    tail_lamps: np.ndarray


_SEDAN = {"belt_m": 0.90, "bonnet_m": 0.88, "deck_m": 0.92, "nose_m": 0.72}
_CAR_FORMS = {
    "sedan": CarForm(4.65, 1.82, 1.45, cabin=(0.10, 0.25, 0.53, 0.72), **_SEDAN),
    "saloon": CarForm(4.95, 1.88, 1.46, cabin=(0.11, 0.26, 0.52, 0.71), **_SEDAN),
    "coupe": CarForm(
        4.45, 1.84, 1.34, 0.86, 0.84, 0.88, 0.66, (0.06, 0.30, 0.50, 0.70), side_panes=((0.10, 0.35), (0.40, 0.90))
    ),
    "hatch": CarForm(4.05, 1.76, 1.48, 0.92, 0.90, 0.90, 0.74, (0.015, 0.07, 0.55, 0.74), rear_pane=(0.35, 0.90)),
    "small": CarForm(3.65, 1.66, 1.52, 0.93, 0.93, 0.90, 0.78, (0.015, 0.06, 0.58, 0.78), rear_pane=(0.35, 0.90)),
    "estate": CarForm(4.80, 1.84, 1.50, 0.92, 0.89, 0.92, 0.73, (0.012, 0.07, 0.55, 0.73), rear_pane=(0.35, 0.90)),
    "suv": CarForm(
        4.65,
        1.92,
        1.72,
        1.06,
        1.04,
        1.02,
        0.90,
        (0.012, 0.05, 0.57, 0.74),
        0.37,
        rear_pane=(0.38, 0.90),
        tall_tail_lamps=True,
    ),
    "large_suv": CarForm(
        4.95,
        1.98,
        1.84,
        1.12,
        1.10,
        1.08,
        0.98,
        (0.012, 0.04, 0.58, 0.73),
        0.39,
        rear_pane=(0.38, 0.90),
        tall_tail_lamps=True,
    ),
    "pickup": CarForm(
        5.40,
        1.96,
        1.82,
        1.08,
        1.05,
        1.06,
        0.95,
        (0.40, 0.43, 0.60, 0.72),
        0.39,
        side_panes=((0.10, 0.47), (0.53, 0.92)),
        open_bed=True,
    ),
}
_VAN_FORMS = {
    "minivan": CarForm(
        4.95,
        1.96,
        1.98,
        1.05,
        1.04,
        1.04,
        0.92,
        (0.010, 0.03, 0.68, 0.86),
        0.35,
        rear_pane=(0.42, 0.90),
        tall_tail_lamps=True,
    ),
    "panel_van": CarForm(
        5.50,
        2.02,
        2.42,
        1.12,
        1.10,
        1.10,
        0.96,
        (0.008, 0.02, 0.73, 0.88),
        0.36,
        side_panes=((0.74, 0.93),),
        rear_pane=(0.50, 0.86),
        tall_tail_lamps=True,
    ),
    "high_van": CarForm(
        6.00,
        2.04,
        2.68,
        1.14,
        1.12,
        1.12,
        0.98,
        (0.008, 0.02, 0.76, 0.89),
        0.37,
        side_panes=((0.78, 0.94),),
        rear_pane=(0.50, 0.80),
        tall_tail_lamps=True,
    ),
}


@cache
def fleet() -> tuple[VehicleModel, ...]:
    """All vehicle models; built once a process."""
    models = [_model("car", name, car_form(form)) for name, form in _CAR_FORMS.items()]
    models += [_model("van", name, car_form(form)) for name, form in _VAN_FORMS.items()]
    models += [
        _model("truck", "delivery_truck", truck_form(6.4, 2.25, 2.95, 1.75)),
        _model("truck", "box_truck", truck_form(8.4, 2.45, 3.50, 2.0)),
        _model("truck", "heavy_truck", truck_form(10.8, 2.52, 3.75, 2.15)),
        _model("truck", "lorry", truck_form(13.2, 2.55, 3.95, 2.25)),
        _model("truck", "tanker", truck_form(9.6, 2.50, 3.30, 2.1, tank=True)),
    ]
    models += [
        _model("bus", "city_bus", bus_form(11.8, 3.10)),
        _model("bus", "short_bus", bus_form(9.6, 3.00, 2.45)),
        _model("bus", "coach", bus_form(12.6, 3.50)),
    ]
    return tuple(models)


def _model(category: str, name: str, shape: ShapeBuilder) -> VehicleModel:
    vertices, normals, faces, materials = shape.build()
    middles = vertices.mean(1)
    return VehicleModel(
        category=category,
        name=name,
        vertices=vertices,
        normals=normals,
        face_normals=faces,
        materials=materials,
        half_width_m=float(np.abs(vertices[..., 0]).max()),
        half_length_m=float(np.abs(vertices[..., 1]).max()),
        height_m=float(vertices[..., 2].max()),
        head_lamps=middles[materials == Material.HEAD_LAMP],
        tail_lamps=middles[materials == Material.TAIL_LAMP],
    )


@dataclass(frozen=True, eq=False)
class PlacedQuads:
    """The quads of several vehicles in world coordinates.

    vertices and normals (n 4 3), face_normals (n 3), materials (n); owner (n) is the index of the vehicle.
    """

    vertices: np.ndarray
    normals: np.ndarray
    face_normals: np.ndarray
    materials: np.ndarray
    owner: np.ndarray


def place(vehicles: Sequence[PlacedVehicle]) -> PlacedQuads:
    """Bring the models of `vehicles` to where they stand (at least one vehicle)."""
    models = [vehicle.model for vehicle in vehicles]
    owner = np.repeat(np.arange(len(models)), [len(model.vertices) for model in models])
    heading = np.array([vehicle.heading_rad for vehicle in vehicles], FLOAT)[owner]
    position = np.array([(vehicle.x_m, vehicle.y_m, 0.0) for vehicle in vehicles], FLOAT)[owner]
    vertices = turned(np.concatenate([model.vertices for model in models]), heading[:, None])
    return PlacedQuads(
        vertices=vertices + position[:, None],
        normals=turned(np.concatenate([model.normals for model in models]), heading[:, None]),
        face_normals=turned(np.concatenate([model.face_normals for model in models]), heading),
        materials=np.concatenate([model.materials for model in models]),
        owner=owner,
    )


def turned(local: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Directions (... 3) from a local frame (x right, y forward) into the world; heading broadcasts to (...)."""
    cos, sin = np.cos(heading), np.sin(heading)
    x, y, z = local[..., 0], local[..., 1], local[..., 2]
    return np.stack([x * sin + y * cos, y * sin - x * cos, z], -1).astype(FLOAT)
