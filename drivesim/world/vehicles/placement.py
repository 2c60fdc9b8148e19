"""Vehicles in the world: where each one is at one moment, and its quads there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.scenario.schema.vocabulary import VehicleCategory
from drivesim.world.quads import FLOAT, Colour
from drivesim.world.vehicles.model import VehicleModel


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
    def category(self) -> VehicleCategory:
        return self.model.category


@dataclass(frozen=True, eq=False)
class PlacedQuads:
    """The quads of several vehicles in world coordinates.

    Attributes:
        vertices: Corners, `n 4 3`.
        normals: Unit normal at each corner, `n 4 3`.
        face_normals: Unit normal of each quad, `n 3`.
        materials: `Material` of each quad, `n`.
        owner: Index of the vehicle that each quad belongs to, `n`.
    """

    vertices: np.ndarray
    normals: np.ndarray
    face_normals: np.ndarray
    materials: np.ndarray
    owner: np.ndarray

    def take(self, index: np.ndarray) -> PlacedQuads:
        """Returns the quads with these indices."""
        return PlacedQuads(*(getattr(self, field)[index] for field in self.__dataclass_fields__))


def place(vehicles: Sequence[PlacedVehicle]) -> PlacedQuads:
    """Returns the quads of at least one vehicle where the vehicles stand."""
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
    """Turns vectors from a vehicle's frame (x right, y forward) into the world.

    Args:
        local: Vectors `... 3`.
        heading: Headings in radians, which broadcast to `...`.
    """
    cos, sin = np.cos(heading), np.sin(heading)
    x, y, z = local[..., 0], local[..., 1], local[..., 2]
    return np.stack([x * sin + y * cos, y * sin - x * cos, z], -1).astype(FLOAT)
