"""3-D boxes of vehicles as one camera sees them: occlusion, visible fraction and distance.

Camera axes: x to the right, y down, z forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from drivesim.data.ingest.recording import SourceVehicle
from drivesim.geometry.visibility import sights
from drivesim.scenario.schema.vocabulary import VehicleCategory

NEAR_M = 0.5
_SIGNS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_PAIRS = np.array(list(combinations(range(8), 2)))


@dataclass(frozen=True, eq=False)
class Cuboid:
    """The 3-D box of a vehicle.

    Attributes:
        corners: Corners `8 3` in camera axes, in the order of `cuboid_corners`.
        most_visible: Upper limit of the visible fraction by the annotation, which also knows of occlusion by other
            things than vehicles.
    """

    track_id: int
    category: VehicleCategory
    corners: np.ndarray
    most_visible: float = 1.0


def cuboid_corners(centre: np.ndarray, size: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Returns the corners `8 3` of a box from its centre, its size along its axes, and the matrix `3 3` of the axes."""
    return _SIGNS * np.asarray(size) @ np.asarray(rotation).T + np.asarray(centre)


def seen_vehicles(
    cuboids: Sequence[Cuboid], intrinsic: np.ndarray, width: int, height: int
) -> tuple[SourceVehicle, ...]:
    """Returns the vehicles that are at least partly in the picture, nearest first.

    Args:
        cuboids: The 3-D boxes.
        intrinsic: Matrix `3 3` from camera axes to homogeneous pixels.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
    """
    outlines, shown = [], []
    for cuboid in sorted(cuboids, key=lambda c: nearest_point_m(c.corners)):
        pixels = projected(cuboid.corners, intrinsic)
        if pixels is not None:
            outlines.append(pixels)
            shown.append(cuboid)
    vehicles = []
    for cuboid, sight in zip(shown, sights(outlines, width, height), strict=True):
        if sight.visible_box is None:
            continue
        fraction = min(sight.visible_fraction, cuboid.most_visible)
        distance = nearest_point_m(cuboid.corners)
        vehicles.append(
            SourceVehicle(
                cuboid.track_id, cuboid.category, sight.visible_box, sight.amodal_box, distance, round(fraction, 4)
            )
        )
    return tuple(vehicles)


def projected(corners: np.ndarray, intrinsic: np.ndarray) -> np.ndarray | None:
    """Returns pixels `k 2` that span the part of a cuboid beyond the near plane, or None if there is no such part."""
    beyond = corners[:, 2] >= NEAR_M
    if not beyond.any():
        return None
    kept = corners[beyond]
    if not beyond.all():
        first, second = corners[_PAIRS[:, 0]], corners[_PAIRS[:, 1]]
        crosses = beyond[_PAIRS[:, 0]] != beyond[_PAIRS[:, 1]]
        start, stop = first[crosses], second[crosses]
        share = (NEAR_M - start[:, 2:]) / (stop[:, 2:] - start[:, 2:])
        kept = np.concatenate([kept, start + share * (stop - start)])
    image = kept @ np.asarray(intrinsic).T
    return image[:, :2] / image[:, 2:]


def nearest_point_m(corners: np.ndarray) -> float:
    """Returns the distance in metres from the camera to the nearest point of a cuboid."""
    origin, edges = corners[0], corners[[4, 2, 1]] - corners[0]
    lengths = np.maximum(np.linalg.norm(edges, axis=1), 1e-9)
    along = (-origin @ edges.T) / lengths**2
    nearest = origin + np.clip(along, 0, 1) @ edges
    return float(np.linalg.norm(nearest))
