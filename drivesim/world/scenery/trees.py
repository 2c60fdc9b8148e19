"""Trees and bushes: rows along the streets of towns, and scattered ones in the country."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from drivesim.world.quads import FLOAT, QuadBuilder, close_rings, discs, patches, surfaces_of_revolution
from drivesim.world.scenery.ground import GroundColours
from drivesim.world.scenery.occluders import Occluders, round_occluders
from drivesim.world.traffic.road import Road

_BROADLEAF = np.array(
    [(0.20, 0.36, 0.13), (0.26, 0.42, 0.16), (0.16, 0.31, 0.14), (0.33, 0.42, 0.15), (0.52, 0.39, 0.12)]
)
_CONIFER = np.array([(0.12, 0.26, 0.14), (0.15, 0.30, 0.15), (0.11, 0.23, 0.17)])
_BARK = np.array([0.30, 0.22, 0.15])
_CROWN_SIDES = 7


def add_trees(
    objects: QuadBuilder, shadows: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator
) -> Occluders:
    """Adds trees and bushes with their shadows, and returns the crowns as occluders."""
    feet, size = _draw_tree_places(road, colours, rng)
    if len(feet) == 0:
        return Occluders.none()
    conifer = rng.random(len(feet)) < (0.10 if road.urban else 0.32)
    parts = [_add_conifers(objects, feet[conifer], size[conifer], rng)]
    parts.append(_add_broadleaf(objects, feet[~conifer], size[~conifer], rng))
    _add_bushes(objects, road, colours, rng)
    fans = discs(feet + np.array([0, 0, 0.0]), size * 1.7, (1, 0, 0), (0, 1, 0), 10)
    alpha = np.zeros((*fans.shape[:2], 4), FLOAT)
    alpha[..., 0] = 0.85
    shadows.add(fans, (0, 0, 0), normals=(0, 0, 1), alpha=alpha.reshape(-1, 4))
    return Occluders.joined(parts)


def _draw_tree_places(road: Road, colours: GroundColours, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns the feet `n 3` of trees and their sizes `n`; a tree of size 1 is about 5 metres high."""
    feet, sizes = [], []
    for side in (1, -1):
        if road.urban:
            if rng.random() < 0.35:
                continue
            spacing = rng.uniform(9, 24)
            stations = np.arange(rng.uniform(0, spacing), road.length_m, spacing)
            across = np.full(len(stations), rng.uniform(2.0, 2.7))
            size = rng.uniform(0.95, 1.35) * rng.uniform(0.9, 1.1, len(stations))
            margin = 3.5
        else:
            count = int(road.length_m / rng.uniform(6, 16))
            stations = rng.uniform(0, road.length_m, count)
            across = colours.pavement_m + 1.5 + rng.gamma(1.6, 10, count)
            size = rng.uniform(1.0, 2.3, count)
            margin = 4.0
        keep = ~road.in_side_street(stations, side, margin) & (rng.random(len(stations)) < 0.93)
        points, _ = road.position(stations[keep], road.edge_m(side) + side * across[keep])
        feet.append(points)
        sizes.append(size[keep])
    if not feet:
        return np.zeros((0, 3)), np.zeros(0)
    points, size = np.concatenate(feet), np.concatenate(sizes)
    distance, _ = cKDTree(np.column_stack([road.x, road.y])).query(points[:, :2])
    nearest_edge = min(road.left_edge_m, -road.right_edge_m)
    clear = distance > (nearest_edge + 0.9 if road.urban else max(road.left_edge_m, -road.right_edge_m) + 4.0)
    return points[clear], size[clear]


def _add_conifers(objects: QuadBuilder, feet: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> Occluders:
    if len(feet) == 0:
        return Occluders.none()
    colour = _CONIFER[rng.integers(len(_CONIFER), size=len(feet))] * rng.uniform(0.8, 1.2, (len(feet), 1))
    _add_trunks(objects, feet, size, 1.2 * size)
    for low, high, radius in ((0.7, 2.9, 1.35), (1.9, 4.1, 1.05), (3.1, 5.4, 0.70)):
        radii = size[:, None] * np.array([radius * 0.1, radius, 0.02])
        heights = size[:, None] * np.array([low + 0.12, low, high])
        wobble = rng.uniform(0.88, 1.08, (len(feet), 1, _CROWN_SIDES))
        quads, normals = surfaces_of_revolution(feet, radii, heights, _CROWN_SIDES, wobble)
        shade = np.array([0.55, 0.85, 1.15])[:, None] * rng.uniform(0.88, 1.1, (len(feet), 3, _CROWN_SIDES))
        objects.add(quads, _ring_colours(colour, shade), normals=normals.reshape(-1, 4, 3))
    centres = feet + np.array([0, 0, 1.0]) * (size * 2.7)[:, None]
    return round_occluders(centres, size * 1.0, size * 2.5)


def _add_broadleaf(objects: QuadBuilder, feet: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> Occluders:
    if len(feet) == 0:
        return Occluders.none()
    colour = _BROADLEAF[rng.choice(len(_BROADLEAF), size=len(feet), p=[0.34, 0.26, 0.2, 0.12, 0.08])]
    colour = colour * rng.uniform(0.8, 1.2, (len(feet), 1))
    trunk = 2.2 + 0.5 * size
    _add_trunks(objects, feet, size, trunk + 0.6)
    for puff in range(3):
        shift = np.clip(rng.normal(0, 0.42, (len(feet), 3)), -0.6, 0.6) * size[:, None] * (1.0, 1.0, 0.0)
        shift[:, 2] = trunk + size * (0.7 + 0.55 * puff * rng.uniform(0.7, 1.3, len(feet)))
        radius = size * rng.uniform(0.85, 1.35, len(feet)) * (1.0, 1.0, 0.75)[puff]
        _add_crown(objects, feet + shift, radius, radius * rng.uniform(0.75, 1.0, len(feet)), colour, rng)
    centres = feet + np.stack([np.zeros(len(feet)), np.zeros(len(feet)), trunk + size * 1.25], -1)
    return round_occluders(centres, size * 1.25, size * 1.45)


def _add_bushes(objects: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> None:
    count = int(road.length_m / (30 if road.urban else 10))
    stations = rng.uniform(0, road.length_m, count)
    side = rng.choice([-1, 1], count)
    edge = np.where(side > 0, road.left_edge_m, road.right_edge_m)
    away = colours.pavement_m + (0.6 if road.urban else 0.8) + rng.gamma(1.2, 0.5 if road.urban else 6, count)
    points, _ = road.position(stations, edge + side * away)
    distance, _ = cKDTree(np.column_stack([road.x, road.y])).query(points[:, :2])
    keep = ~road.in_side_street(stations, 0, 3.5) & (distance > np.abs(edge) + 1.5)
    points = points[keep]
    radius = rng.uniform(0.4, 0.9, len(points))
    colour = _BROADLEAF[rng.integers(4, size=len(points))] * rng.uniform(0.75, 1.15, (len(points), 1))
    _add_crown(objects, points + np.array([0, 0, 0.3]), radius, radius * 0.8, colour, rng)


def _add_crown(
    objects: QuadBuilder,
    centres: np.ndarray,
    radius: np.ndarray,
    half_height: np.ndarray,
    colour: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Adds round crowns whose corners are dappled, and lighter towards the top."""
    if len(centres) == 0:
        return
    tilt = np.radians([-90, -38, 8, 50, 90])
    radii, heights = radius[:, None] * np.cos(tilt), half_height[:, None] * np.sin(tilt)
    wobble = rng.uniform(0.86, 1.12, (len(centres), len(tilt), _CROWN_SIDES))
    quads, normals = surfaces_of_revolution(centres, radii, heights, _CROWN_SIDES, wobble)
    light = np.array([0.62, 0.78, 0.98, 1.18, 1.25])[:, None]
    shade = light * rng.uniform(0.86, 1.12, (len(centres), len(tilt), _CROWN_SIDES))
    objects.add(quads, _ring_colours(colour, shade), normals=normals.reshape(-1, 4, 3))


def _ring_colours(colour: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Returns the corner colours `... 4 3` of surfaces of revolution from colours `n 3` and shades `n rings sides`."""
    return patches(close_rings(shade[..., None] * colour[:, None, None])).reshape(-1, 4, 3)


def _add_trunks(objects: QuadBuilder, feet: np.ndarray, size: np.ndarray, height: np.ndarray) -> None:
    radii = size[:, None] * np.array([0.15, 0.10])
    quads, normals = surfaces_of_revolution(feet, radii, np.stack([np.zeros(len(feet)), height], 1), 5)
    objects.add(quads, _BARK, normals=normals.reshape(-1, 4, 3))
