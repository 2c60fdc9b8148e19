"""Where buildings stand: rows along the road and its side streets, clear of every carriageway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from drivesim.world.quads import oriented_boxes
from drivesim.world.scenery.ground import GroundColours
from drivesim.world.traffic.road import Road, SideStreet


@dataclass(frozen=True, eq=False)
class Lots:
    """Where buildings stand, arrays (n): middle, heading of the street, size along and across it, height, side.

    `side` is 1 for buildings on the left of their street's heading, which face right.
    """

    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray
    length: np.ndarray
    depth: np.ndarray
    height: np.ndarray
    side: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, keep: np.ndarray) -> Lots:
        return Lots(*(getattr(self, field)[keep] for field in self.__dataclass_fields__))


def draw_lots(road: Road, colours: GroundColours, rng: np.random.Generator) -> Lots:
    rows: list[tuple] = []

    def frontage(start: float, stop: float, place, near: float, density: float, gap: tuple, setback: tuple, tall: bool):
        """Walk along one side of a street; `place(along, across)` gives position, heading and side."""
        along = start + rng.uniform(0, gap[1] / 2)
        while along < stop:
            length, depth = (
                (rng.uniform(11, 27), rng.uniform(10, 16)) if road.urban else (rng.uniform(8, 16), rng.uniform(7, 11))
            )
            if rng.random() < density and along + length < stop + 8:
                height = _draw_height(road.urban, tall, rng)
                x, y, heading, side = place(along + length / 2, near + rng.uniform(*setback) + depth / 2)
                rows.append((x, y, heading, length, depth, height, side))
            along += length + rng.uniform(*gap)

    def beside_road(side: int):
        def place(along: float, across: float):
            point, heading = road.position(along, road.edge_m(side) + side * across)
            return point[0], point[1], float(heading), side

        return place

    def beside_side_street(street: SideStreet, side: int, corner: int):
        def place(along: float, across: float):
            point, heading = road.position(street.station_m + corner * across, road.edge_m(side) + side * along)
            return point[0], point[1], float(heading) + side * np.pi / 2, -side * corner

        return place

    pavement = colours.pavement_m
    for side in (1, -1):
        if road.urban:
            frontage(0, road.length_m, beside_road(side), pavement, 0.93, (0.4, 7), (1.5, 5.5), False)
            frontage(0, road.length_m, beside_road(side), pavement + 30, 0.55, (6, 40), (0, 40), True)
        else:
            frontage(0, road.length_m, beside_road(side), pavement, 0.6, (10, 70), (8, 34), False)
    for street in road.side_streets:
        for side in (1, -1):
            if not street.opens_to(side):
                continue
            for corner in (1, -1):
                near = street.half_width_m + 2.5
                if road.urban:
                    frontage(
                        24,
                        street.length_m,
                        beside_side_street(street, side, corner),
                        near,
                        0.9,
                        (0.5, 9),
                        (0.5, 4),
                        False,
                    )
                else:
                    frontage(
                        22,
                        street.length_m,
                        beside_side_street(street, side, corner),
                        near,
                        0.5,
                        (10, 40),
                        (4, 14),
                        False,
                    )
    columns = [np.array(column, float) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 7
    return Lots(*columns)


def _draw_height(urban: bool, tall: bool, rng: np.random.Generator) -> float:
    if not urban:
        return float(rng.uniform(3.6, 7.4))
    if tall:
        return float(rng.uniform(14, 44))
    return float(
        rng.choice([5.8, 7.5, 10.5, 13.5, 17, 24, 34], p=[0.12, 0.16, 0.24, 0.2, 0.15, 0.08, 0.05])
        * rng.uniform(0.9, 1.1)
    )


def clear_of_road(lots: Lots, road: Road) -> Lots:
    """Leave out buildings that a curve or a side street would bring onto the pavement."""
    if len(lots) == 0:
        return lots
    feet = oriented_boxes(lots.x, lots.y, lots.heading, lots.length, lots.depth, 0, 1)[:, :4, 0, :2]
    edges = np.concatenate([feet, (feet + np.roll(feet, -1, 1)) / 2], 1)
    line = np.column_stack([road.x, road.y])
    distance, station = cKDTree(line).query(edges.reshape(-1, 2))
    heading = road.heading[station]
    offset = np.einsum(
        "nd,nd->n", edges.reshape(-1, 2) - line[station], np.column_stack([-np.sin(heading), np.cos(heading)])
    )
    edge = np.where(offset > 0, road.left_edge_m, -road.right_edge_m)
    clear = distance > edge + 2.5
    for street in road.side_streets:
        inside = np.abs(station - street.station_m) < street.half_width_m + 2.0
        opens = (offset > 0) if street.side == 1 else (offset < 0) if street.side == -1 else True
        clear &= ~(inside & opens & (np.abs(offset) < edge + street.length_m))
    return lots.take(clear.reshape(len(lots), -1).all(1))
