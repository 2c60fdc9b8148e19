"""Street furniture: lamps, signs, traffic lights, guard rails and delineators."""

from __future__ import annotations

import numpy as np

from drivesim.world.quads import FLOAT, QuadBuilder, discs, face_normals, oriented_boxes, surfaces_of_revolution
from drivesim.world.scenery.occluders import Occluders, box_occluders
from drivesim.world.traffic.road import Road

_METAL = np.array([0.38, 0.39, 0.40])
_LAMP_HEIGHT_M = 7.2
_DELINEATOR_SPACING_M = 25.0


def add_furniture(
    objects: QuadBuilder, road: Road, rng: np.random.Generator
) -> tuple[Occluders, np.ndarray, np.ndarray]:
    """Adds lamps, signs, traffic lights and rails.

    Returns:
        Occluders, the places of the lamps `k 3`, and the colour of their light `3`.
    """
    lamp_colour = np.array([1.0, 0.72, 0.38] if rng.random() < 0.65 else [0.85, 0.92, 1.0], FLOAT)
    lamps, posts = _add_street_lamps(objects, road, lamp_colour, rng)
    _add_signs(objects, road, rng)
    _add_traffic_lights(objects, road, rng)
    if not road.urban:
        if rng.random() < 0.5:
            _add_guard_rails(objects, road)
        else:
            _add_delineators(objects, road)
    return posts, lamps, lamp_colour


def _add_street_lamps(
    objects: QuadBuilder, road: Road, lamp_colour: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, Occluders]:
    if not road.urban and rng.random() > 0.35:
        return np.zeros((0, 3), FLOAT), Occluders.none()
    spacing, arm = rng.choice([22.0, 28.0, 36.0]), 1.9
    sides = ((-1,), (1,), (1, -1))[rng.integers(3)]
    lamps, posts = [np.zeros((0, 3), FLOAT)], []
    for side in sides:
        stations = np.arange(rng.uniform(0, spacing), road.length_m, spacing)
        stations = stations[~road.in_side_street(stations, side, 1.5)]
        foot, heading = road.position(stations, road.edge_m(side) + side * 0.8)
        head, _ = road.position(stations, road.edge_m(side) + side * (0.8 - arm), _LAMP_HEIGHT_M - 0.16)
        middle = (foot + head) / 2
        count = len(stations)
        quads, normals = surfaces_of_revolution(
            foot, np.tile([0.10, 0.06], (count, 1)), np.tile([0.0, _LAMP_HEIGHT_M], (count, 1)), 6
        )
        objects.add(quads, _METAL, normals=normals.reshape(-1, 4, 3))
        objects.add(
            oriented_boxes(
                middle[:, 0], middle[:, 1], heading, 0.09, arm, _LAMP_HEIGHT_M - 0.08, _LAMP_HEIGHT_M + 0.02
            ),
            _METAL,
        )
        objects.add(
            oriented_boxes(head[:, 0], head[:, 1], heading, 0.36, 0.72, _LAMP_HEIGHT_M - 0.14, _LAMP_HEIGHT_M + 0.04),
            _METAL * 0.9,
            lamp_colour,
        )
        below = oriented_boxes(head[:, 0], head[:, 1], heading, 0.36, 0.72, 0, _LAMP_HEIGHT_M - 0.16)[:, 4, ::-1]
        objects.add(below, (0.85, 0.85, 0.8), lamp_colour)
        lamps.append(head.astype(FLOAT))
        posts.append(box_occluders(oriented_boxes(foot[:, 0], foot[:, 1], heading, 0.16, 0.16, 0.0, _LAMP_HEIGHT_M)))
    return np.concatenate(lamps), Occluders.joined(posts)


def _add_signs(objects: QuadBuilder, road: Road, rng: np.random.Generator) -> None:
    """Adds discs, triangles, squares and town boards that face the traffic on their side."""
    count = int(rng.integers(int(road.length_m / 70), int(road.length_m / 28)))
    stations = rng.uniform(0, road.length_m, count)
    side = rng.choice([-1, 1], count, p=[0.65, 0.35])
    keep = ~road.in_side_street(stations, 0, 2.0)
    stations, side = stations[keep], side[keep]
    edge = np.where(side > 0, road.left_edge_m, road.right_edge_m)
    foot, heading = road.position(stations, edge + side * 0.75)
    if len(foot) == 0:
        return
    faces_us = side < 0
    heading = np.where(faces_us, heading, heading + np.pi)
    posts, normals = surfaces_of_revolution(foot, np.full((len(foot), 2), 0.04), np.tile([0.0, 2.9], (len(foot), 1)), 4)
    objects.add(posts, _METAL, normals=normals.reshape(-1, 4, 3))
    right = np.stack([np.sin(heading), -np.cos(heading), np.zeros(len(foot))], -1)
    back = np.stack([-np.cos(heading), -np.sin(heading), np.zeros(len(foot))], -1)
    middle = foot + back * 0.07 + np.array([0, 0, 2.5])
    kind = rng.integers(4, size=len(foot))
    red, blue, white, yellow, green = (
        (0.74, 0.08, 0.08),
        (0.08, 0.25, 0.65),
        (0.9, 0.9, 0.88),
        (0.87, 0.68, 0.1),
        (0.05, 0.4, 0.22),
    )
    reflex = 0.10
    for shape, corners, size, rim, faces in (
        (0, 12, 0.42, red, white), (1, 3, 0.50, red, white), (2, 4, 0.50, white, blue), (3, 4, 0.62, white, None)
    ):  # fmt: skip
        chosen = kind == shape
        colours = (
            np.array([yellow, green, blue])[rng.integers(3, size=chosen.sum())] if faces is None else np.array([faces])
        )
        for grow, lift, colour in ((1.0, 0.0, np.array([rim])), (0.74, 0.02, colours)):
            plates = _plates(middle[chosen] + back[chosen] * lift, right[chosen], corners, size * grow)
            tone = np.repeat(np.broadcast_to(colour, (chosen.sum(), 3)), plates.shape[1], 0)
            objects.add(plates, tone, tone * reflex, overlay=lift > 0)
        rear = _plates(middle[chosen], -right[chosen], corners, size)
        objects.add(rear, (0.42, 0.43, 0.44))


def _plates(middle: np.ndarray, right: np.ndarray, corners: int, radius: float) -> np.ndarray:
    """Returns upright plates `n k 4 3` of 3, 4 or more corners that face a viewer to whose right `right` points."""
    up = np.array([0, 0, 1.0])
    if corners > 4:
        return discs(middle, radius, right, up, corners)
    if corners == 3:
        outline = ((-0.95, -0.6), (0.95, -0.6), (0.0, 1.0), (0.0, 1.0))
    else:
        outline = ((-0.75, -0.75), (0.75, -0.75), (0.75, 0.75), (-0.75, 0.75))
    return np.stack([middle + radius * (a * right + b * up) for a, b in outline], 1)[:, None].astype(FLOAT)


def _add_traffic_lights(objects: QuadBuilder, road: Road, rng: np.random.Generator) -> None:
    for street in road.side_streets:
        if rng.random() > 0.6:
            continue
        lit = (0, 2)[rng.integers(2)]
        for side, sign in ((-1, -1), (1, 1)):
            if side > 0 and not road.lanes_backward:
                continue
            station = street.station_m + sign * (street.half_width_m + 5.0)
            foot, heading = road.position([station], road.edge_m(side) + side * 0.8)
            heading = heading if side < 0 else heading + np.pi
            x, y = foot[:, 0], foot[:, 1]
            objects.add(oriented_boxes(x, y, heading, 0.13, 0.13, 0, 4.3), (0.2, 0.2, 0.21))
            objects.add(oriented_boxes(x, y, heading, 0.28, 0.38, 3.2, 4.4), (0.09, 0.09, 0.10))
            right = np.stack([np.sin(heading), -np.cos(heading), 0 * heading], -1)
            back = np.stack([-np.cos(heading), -np.sin(heading), 0 * heading], -1)
            for k, colour in enumerate(((0.10, 0.90, 0.35), (1.0, 0.70, 0.10), (1.0, 0.12, 0.08))):
                shown = np.array(colour) * (1.0 if k == lit else 0.14)
                lens = discs(foot + back * 0.16 + np.array([0, 0, 3.45 + 0.36 * k]), 0.15, right, (0, 0, 1), 8)
                objects.add(lens, shown, shown if k == lit else shown * 0.3, overlay=True)


def _add_guard_rails(objects: QuadBuilder, road: Road) -> None:
    start = np.arange(0, road.length_m - 4, 4.0)
    for side in (1, -1):
        keep = start[~road.in_side_street(start + 2, side, 4.0)]
        offset = road.edge_m(side) + side * 0.9
        low, heading = road.position(np.stack([keep, keep + 4], 1), offset, 0.45)
        high = low + np.array([0, 0, 0.32])
        rail = np.stack([low[:, 0], low[:, 1], high[:, 1], high[:, 0]], 1)
        both = np.concatenate([rail, rail[:, ::-1]])
        normals = face_normals(both)[:, None] + np.array([[0, 0, -0.5], [0, 0, -0.5], [0, 0, 0.5], [0, 0, 0.5]])
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        objects.add(both, (0.62, 0.63, 0.64), normals=normals)
        posts = oriented_boxes(low[:, 0, 0], low[:, 0, 1], heading[:, 0], 0.1, 0.1, 0.0, 0.62)
        objects.add(posts, (0.40, 0.40, 0.41))


def _add_delineators(objects: QuadBuilder, road: Road) -> None:
    """Adds white posts with a dark band."""
    for side in (1, -1):
        stations = np.arange(10, road.length_m, _DELINEATOR_SPACING_M)
        stations = stations[~road.in_side_street(stations, side, 2.0)]
        foot, heading = road.position(stations, road.edge_m(side) + side * 0.9)
        for low, high, tone in ((0, 0.70, 0.88), (0.70, 0.86, 0.10), (0.86, 1.0, 0.88)):
            boxes = oriented_boxes(foot[:, 0], foot[:, 1], heading, 0.12, 0.14, low, high)
            objects.add(boxes, (tone, tone, tone))
