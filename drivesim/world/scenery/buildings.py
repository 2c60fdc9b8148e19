"""Buildings along the road and its side streets: blocks, offices and shops in towns, houses in the country."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drivesim.world.quads import FLOAT, QuadBuilder, oriented_boxes, patches
from drivesim.world.scenery.ground import GroundColours
from drivesim.world.scenery.lots import Lots, clear_of_road, draw_lots
from drivesim.world.scenery.occluders import Occluders, box_occluders
from drivesim.world.traffic.road import Road

_WALLS = np.array(
    [
        (0.62, 0.57, 0.52), (0.50, 0.52, 0.56), (0.70, 0.62, 0.51), (0.46, 0.44, 0.43), (0.60, 0.41, 0.33),
        (0.74, 0.72, 0.67), (0.40, 0.46, 0.54), (0.67, 0.65, 0.58), (0.55, 0.34, 0.28), (0.78, 0.74, 0.62),
    ]
)  # fmt: skip
_ROOFS = np.array([(0.44, 0.22, 0.17), (0.33, 0.20, 0.17), (0.27, 0.27, 0.29), (0.50, 0.30, 0.20)])
_SHOP_SIGNS = np.array(
    [
        (0.72, 0.12, 0.10),
        (0.10, 0.30, 0.62),
        (0.85, 0.66, 0.12),
        (0.10, 0.45, 0.25),
        (0.85, 0.85, 0.83),
        (0.2, 0.2, 0.22),
    ]
)
_SHOP_FLOOR_M = 3.8
_WARM, _COOL = np.array([1.0, 0.80, 0.48]), np.array([0.75, 0.86, 1.0])


def add_buildings(objects: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> Occluders:
    """Lines the road with buildings and returns them as occluders."""
    lots = clear_of_road(draw_lots(road, colours, rng), road)
    if len(lots) == 0:
        return Occluders.none()
    boxes = oriented_boxes(lots.x, lots.y, lots.heading, lots.length, lots.depth, 0.0, lots.height)
    wall = _WALLS[rng.integers(len(_WALLS), size=len(lots))] * rng.uniform(0.85, 1.1, (len(lots), 1))
    _add_walls(objects, boxes, wall)
    houses = (lots.height < 7.5) if not road.urban else (lots.height < 6.5)
    _add_pitched_roofs(objects, lots.take(houses), wall[houses], rng)
    _add_flat_roofs(objects, lots.take(~houses), boxes[~houses], wall[~houses], rng)
    _add_windows(objects, lots, boxes, houses, rng)
    return box_occluders(boxes)


def _add_walls(objects: QuadBuilder, boxes: np.ndarray, wall: np.ndarray) -> None:
    """Adds walls in panels, so that light can vary over them; they are darker at the foot."""
    across = np.linspace(0, 1, 5)[None, None, :, None]
    up = np.array([0, 0.3, 1.0])[None, :, None, None]
    for k in range(4):
        low_left, low_right, _, high_left = (boxes[:, k, corner][:, None, None] for corner in range(4))
        grid = low_left + across * (low_right - low_left) + up * (high_left - low_left)
        quads = patches(grid)
        shade = patches(np.broadcast_to(np.array([0.80, 0.98, 1.02])[None, :, None, None], (*grid.shape[:3], 1)))
        objects.add(quads, (wall[:, None, None, None] * shade).reshape(-1, 4, 3))


def _add_flat_roofs(
    objects: QuadBuilder, lots: Lots, boxes: np.ndarray, wall: np.ndarray, rng: np.random.Generator
) -> None:
    objects.add(boxes[:, 4], wall * 0.7)
    place = (lots.x, lots.y, lots.heading)
    ledge = oriented_boxes(*place, lots.length + 0.5, lots.depth + 0.5, lots.height - 0.45, lots.height + 0.12)
    objects.add(ledge, np.repeat(np.minimum(wall * rng.choice([0.75, 1.15], (len(lots), 1)), 0.9), 5, 0))
    small = oriented_boxes(
        *place, lots.length * 0.3, lots.depth * 0.4, lots.height, lots.height + rng.uniform(1.2, 3, len(lots))
    )
    keep = rng.random(len(lots)) < 0.4
    objects.add(small[keep], np.repeat(wall[keep] * 0.8, 5, 0))


def _add_pitched_roofs(objects: QuadBuilder, lots: Lots, wall: np.ndarray, rng: np.random.Generator) -> None:
    """Adds gabled roofs with eaves, whose ridges run along the street, and chimneys."""
    if len(lots) == 0:
        return
    rise = lots.depth * rng.uniform(0.28, 0.42, len(lots))
    eaves = oriented_boxes(lots.x, lots.y, lots.heading, lots.length + 0.7, lots.depth + 0.9, 0, lots.height - 0.15)[
        :, 4
    ]
    lift = np.stack([np.zeros(len(lots)), np.zeros(len(lots)), rise], -1)
    back, front = (eaves[:, 0] + eaves[:, 3]) / 2 + lift, (eaves[:, 1] + eaves[:, 2]) / 2 + lift
    roof = _ROOFS[rng.integers(len(_ROOFS), size=len(lots))] * rng.uniform(0.8, 1.2, (len(lots), 1))
    slopes = np.stack(
        [np.stack([eaves[:, 0], eaves[:, 1], front, back], 1), np.stack([eaves[:, 2], eaves[:, 3], back, front], 1)], 1
    )
    objects.add(slopes, np.repeat(roof, 2, 0))
    gables = np.stack(
        [np.stack([eaves[:, 1], eaves[:, 2], front, front], 1), np.stack([eaves[:, 3], eaves[:, 0], back, back], 1)], 1
    )
    objects.add(gables, np.repeat(wall * 0.96, 2, 0))
    keep = rng.random(len(lots)) < 0.6
    cos, sin = np.cos(lots.heading), np.sin(lots.heading)
    shift = lots.length * 0.25
    top = lots.height + rise
    chimney = oriented_boxes(lots.x + cos * shift, lots.y + sin * shift, lots.heading, 0.8, 0.6, lots.height, top + 0.6)
    objects.add(chimney[keep], np.array([0.42, 0.25, 0.20]))


def _add_windows(
    objects: QuadBuilder, lots: Lots, boxes: np.ndarray, houses: np.ndarray, rng: np.random.Generator
) -> None:
    """Adds rows of windows on the three walls that face a road, and shops with signs at the foot of town houses."""
    count = len(lots)
    glass = np.where(rng.random((count, 1)) < 0.55, np.array([[0.15, 0.19, 0.25]]), np.array([[0.27, 0.36, 0.46]]))
    office = (rng.random(count) < 0.2) & ~houses
    shop = (rng.random(count) < 0.55) & ~houses & (lots.height > 7)
    cell = np.where(office, 1e3, rng.uniform(2.2, 3.5, count))
    storey = rng.uniform(2.9, 3.6, count)
    wide, high = np.where(office, 0.95, rng.uniform(0.42, 0.75, count)), rng.uniform(0.42, 0.62, count)
    floor = np.where(shop, _SHOP_FLOOR_M, 0.25)
    lit_share = rng.uniform(0.15, 0.45, count)
    faces_back = np.where(lots.side > 0, 2, 0)
    for k in range(4):
        seen = np.flatnonzero(faces_back != k)
        foot, along = boxes[seen, k, 0], boxes[seen, k, 1] - boxes[seen, k, 0]
        span = np.linalg.norm(along, axis=1)
        columns = np.maximum(1, (span / cell[seen]).astype(int))
        rows = np.maximum(1, ((lots.height[seen] - floor[seen] - 0.3) / storey[seen]).astype(int))
        lot, column, row = _cells(columns, rows)
        across = (column + 0.5) / columns[lot]
        half = wide[seen][lot] / columns[lot] / 2
        storey_m = ((lots.height[seen] - floor[seen] - 0.4) / rows)[lot]
        low = floor[seen][lot] + storey_m * (row + 0.5 - high[seen][lot] / 2)
        panes = _panes(foot[lot], along[lot], across - half, across + half, low, low + storey_m * high[seen][lot])
        owner = seen[lot]
        tone = glass[owner] * rng.uniform(0.75, 1.25, (len(owner), 1))
        lamp = np.where(rng.random((len(owner), 1)) < 0.75, _WARM, _COOL) * rng.uniform(0.35, 0.85, (len(owner), 1))
        lit = rng.random(len(owner)) < lit_share[owner]
        dim = np.where(office[owner], 0.6, 1.0) * lit
        objects.add(panes, _sky_gradient(tone), lamp * dim[:, None], overlay=True)

        shops = np.flatnonzero(shop[seen])
        if len(shops):
            _add_shops(objects, foot[shops], along[shops], span[shops], rng)
        front = np.flatnonzero(houses[seen] & (faces_back[seen] != k) & (k % 2 == 0))
        if len(front):
            door = 0.6 / span[front]
            doors = _panes(
                foot[front],
                along[front],
                0.33 - door,
                0.33 + door,
                np.full(len(front), 0.05),
                np.full(len(front), 2.15),
                0.09,
            )
            objects.add(doors, np.array([[0.30, 0.18, 0.12]]) * rng.uniform(0.6, 1.6, (len(front), 1)), overlay=True)


def _add_shops(
    objects: QuadBuilder, foot: np.ndarray, along: np.ndarray, span: np.ndarray, rng: np.random.Generator
) -> None:
    count = len(foot)
    columns = np.maximum(1, (span / 4.5).astype(int))
    lot, column, _ = _cells(columns, np.ones(count, int))
    start = (column + 0.08) / columns[lot]
    stop = (column + 0.92) / columns[lot]
    panes = _panes(foot[lot], along[lot], start, stop, np.full(len(lot), 0.5), np.full(len(lot), 2.75))
    lit = rng.random(len(lot)) < 0.5
    lamp = np.where(rng.random((len(lot), 1)) < 0.6, _WARM, _COOL) * rng.uniform(0.45, 0.8, (len(lot), 1))
    tone = np.array([0.20, 0.23, 0.27]) * rng.uniform(0.7, 1.4, (len(lot), 1))
    objects.add(panes, _sky_gradient(tone), lamp * lit[:, None], overlay=True)
    sign = _SHOP_SIGNS[rng.integers(len(_SHOP_SIGNS), size=count)]
    boards = _panes(
        foot, along, np.full(count, 0.02), np.full(count, 0.98), np.full(count, 2.95), np.full(count, 3.5), 0.12
    )
    objects.add(boards, sign, sign * (rng.random((count, 1)) < 0.6) * 0.7, overlay=True)


def _cells(columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns facade, column and row of every cell of facades with these numbers of columns and rows."""
    cells = columns * rows
    facade = np.repeat(np.arange(len(cells)), cells)
    number = np.arange(cells.sum()) - np.repeat(np.cumsum(cells) - cells, cells)
    return facade, number % columns[facade], number // columns[facade]


def _panes(
    foot: np.ndarray,
    along: np.ndarray,
    start: ArrayLike,
    stop: ArrayLike,
    low: np.ndarray,
    high: np.ndarray,
    lift: float = 0.07,
) -> np.ndarray:
    """Returns upright quads `n 4 3` on walls.

    Args:
        foot: Lower left corner of each wall, `n 3`.
        along: Vector along the foot of each wall, `n 3`.
        start: Left edges, as fractions of the wall's width.
        stop: Right edges, likewise.
        low: Heights of the lower edges.
        high: Heights of the upper edges.
        lift: Distance in front of the wall.
    """
    outward = np.cross(along, (0, 0, 1))
    foot = foot + outward / (np.linalg.norm(outward, axis=1, keepdims=True) + 1e-9) * lift
    across = np.stack(np.broadcast_arrays(start, stop, stop, start), -1)
    level = np.stack([low, low, high, high], -1)
    quads = foot[:, None] + across[..., None] * along[:, None]
    quads[..., 2] += level
    return quads.astype(FLOAT)


def _sky_gradient(tone: np.ndarray) -> np.ndarray:
    """Returns colours `n 4 3` of panes that are lighter towards the top, as if they mirrored the sky."""
    return (tone[:, None] * np.array([0.8, 0.85, 1.3, 1.2])[None, :, None]).astype(FLOAT)
