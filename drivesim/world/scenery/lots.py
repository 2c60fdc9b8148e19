"""Building lots: rows along the road and its side streets, clear of every carriageway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from drivesim.world.quads import oriented_boxes
from drivesim.world.scenery.ground import GroundColours
from drivesim.world.traffic.road import Road, SideStreet

_CLEARANCE_M = 2.5
"""Smallest distance of buildings from the edge of the road."""


@dataclass(frozen=True, eq=False)
class Lots:
    """The places of `n` buildings; every attribute is an array `n`.

    Attributes:
        x: Middle of the building.
        y: Middle of the building.
        heading: Heading of the street.
        length: Size along the street.
        depth: Size across the street.
        height: Height.
        side: 1 for a building on the left of its street, which faces right; -1 for one on the right.
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
        """Returns some of the lots, by a mask or an index."""
        return Lots(*(getattr(self, field)[keep] for field in self.__dataclass_fields__))


_Row = tuple[float, float, float, float, float, float, int]
_Place = Callable[[float, float], tuple[float, float, float, int]]
"""From metres along and across a street to x, y, heading and side."""


@dataclass(frozen=True)
class _Frontage:
    """One row of buildings along a street.

    Attributes:
        start: Where the row begins, in metres along the street.
        stop: Where it ends.
        near: Distance across from the edge of the street to the row.
        density: Fraction of the places that are built on.
        gap: Smallest and largest gap between buildings.
        setback: Smallest and largest distance of a building behind `near`.
        tall: Whether the buildings are tall.
    """

    start: float
    stop: float
    near: float
    density: float
    gap: tuple[float, float]
    setback: tuple[float, float]
    tall: bool = False


def draw_lots(road: Road, colours: GroundColours, rng: np.random.Generator) -> Lots:
    """Draws the lots along a road and its side streets."""
    rows: list[_Row] = []
    pavement, length = colours.pavement_m, road.length_m
    for side in (1, -1):
        place = _beside_road(road, side)
        if road.urban:
            first_row = _Frontage(0, length, pavement, 0.93, gap=(0.4, 7), setback=(1.5, 5.5))
            second_row = _Frontage(0, length, pavement + 30, 0.55, gap=(6, 40), setback=(0, 40), tall=True)
            rows += _draw_frontage(first_row, place, road.urban, rng)
            rows += _draw_frontage(second_row, place, road.urban, rng)
        else:
            only_row = _Frontage(0, length, pavement, 0.6, gap=(10, 70), setback=(8, 34))
            rows += _draw_frontage(only_row, place, road.urban, rng)
    for street in road.side_streets:
        near = street.half_width_m + 2.5
        frontage = (
            _Frontage(24, street.length_m, near, 0.9, gap=(0.5, 9), setback=(0.5, 4))
            if road.urban
            else _Frontage(22, street.length_m, near, 0.5, gap=(10, 40), setback=(4, 14))
        )
        for side in (1, -1):
            if street.opens_to(side):
                for corner in (1, -1):
                    place = _beside_side_street(road, street, side, corner)
                    rows += _draw_frontage(frontage, place, road.urban, rng)
    columns = [np.array(column, float) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 7
    return Lots(*columns)


def _draw_frontage(frontage: _Frontage, place: _Place, urban: bool, rng: np.random.Generator) -> list[_Row]:
    """Walks along one side of a street and draws its buildings."""
    rows: list[_Row] = []
    along = frontage.start + rng.uniform(0, frontage.gap[1] / 2)
    while along < frontage.stop:
        length, depth = (
            (rng.uniform(11, 27), rng.uniform(10, 16)) if urban else (rng.uniform(8, 16), rng.uniform(7, 11))
        )
        if rng.random() < frontage.density and along + length < frontage.stop + 8:
            height = _draw_height(urban, frontage.tall, rng)
            across = frontage.near + rng.uniform(*frontage.setback) + depth / 2
            x, y, heading, side = place(along + length / 2, across)
            rows.append((x, y, heading, length, depth, height, side))
        along += length + rng.uniform(*frontage.gap)
    return rows


def _beside_road(road: Road, side: int) -> _Place:
    def place(along: float, across: float) -> tuple[float, float, float, int]:
        point, heading = road.position(along, road.edge_m(side) + side * across)
        return float(point[0]), float(point[1]), float(heading), side

    return place


def _beside_side_street(road: Road, street: SideStreet, side: int, corner: int) -> _Place:
    def place(along: float, across: float) -> tuple[float, float, float, int]:
        point, heading = road.position(street.station_m + corner * across, road.edge_m(side) + side * along)
        return float(point[0]), float(point[1]), float(heading) + side * np.pi / 2, -side * corner

    return place


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
    """Leaves out buildings that would stand on the pavement because of a curve or a side street."""
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
    clear: np.ndarray = np.asarray(distance) > edge + _CLEARANCE_M
    for street in road.side_streets:
        inside = np.abs(station - street.station_m) < street.half_width_m + 2.0
        opens = (offset > 0) if street.side == 1 else (offset < 0) if street.side == -1 else True
        clear &= ~(inside & opens & (np.abs(offset) < edge + street.length_m))
    return lots.take(np.asarray(clear.reshape(len(lots), -1).all(1)))
