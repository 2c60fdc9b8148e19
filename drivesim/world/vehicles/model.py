"""A vehicle model: the quads of one kind of vehicle in its own frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from drivesim.scenario.schema.vocabulary import VehicleCategory
from drivesim.world.vehicles.shapes import Material, ShapeBuilder


@dataclass(frozen=True, eq=False)
class VehicleModel:
    """One kind of vehicle in its local frame: x points right, y forward and z up, in metres.

    Attributes:
        category: What the vehicle is.
        name: Name of the model, unique in the fleet.
        vertices: Corners of the quads, `n 4 3`.
        normals: Unit normal at each corner, `n 4 3`, smooth where the body is round.
        face_normals: Unit normal of each quad, `n 3`.
        materials: `Material` of each quad, `n`.
        half_width_m: Half of the width over everything.
        half_length_m: Half of the length over everything.
        height_m: Height above the ground.
        head_lamps: Middles of the head lamps, `k 3`.
        tail_lamps: Middles of the tail lamps, `k 3`.
    """

    category: VehicleCategory
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

    @classmethod
    def of(cls, category: VehicleCategory, name: str, shape: ShapeBuilder) -> Self:
        """Returns the model of a finished shape."""
        vertices, normals, faces, materials = shape.build()
        middles = vertices.mean(1)
        return cls(
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
