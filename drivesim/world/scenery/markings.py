"""The painted lines of a road: their places, dashes and interruptions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.traffic.road import Road, SideStreet

_LINE_M, _MIDDLE_LINE_M, _SINGLE_MIDDLE_LINE_M = 0.14, 0.12, 0.15
"""Widths of lane and edge lines and of lines in the middle of the road."""
_PIECE_M = 3.0
"""A solid line is painted in pieces of this length, so that it follows curves."""
_INTERRUPTED_M, _EDGE_INTERRUPTED_M = 5.8, 1.0
"""Lines, and edge lines, end this far before the edge of a side street."""
_EDGE_LINE_INSIDE_M, _ONE_WAY_LINE_M, _MEDIAN_LINE_M = 0.22, 0.2, 0.2
_DASHES = ((3.0, 6.0), (3.0, 9.0), (4.0, 4.0))
_PARKING_DASH = (1.0, 1.0)
"""Lengths of dashes and of the gaps between them."""
_DOUBLE_LINE_PROBABILITY = 0.55
_STREET_DASHES_M, _STREET_DASH_M = np.arange(8, 70, 6.0), 2.6
"""Distances from the edge of the road at which the dashes of a side street begin, and their length."""


@dataclass(frozen=True, eq=False)
class Marking:
    """One painted line.

    Attributes:
        offset_m: Offset of the middle of the line.
        width_m: Width of the line.
        middle: Whether it has the colour of the middle of the road, which may be yellow.
        start_m: Stations at which its pieces begin, `n`: those of a solid line follow one another, dashes do not.
        piece_m: Length of each piece.
    """

    offset_m: float
    width_m: float
    middle: bool
    start_m: np.ndarray
    piece_m: float

    @property
    def stretches(self) -> list[tuple[float, float]]:
        """Returns start and end of each stretch without a gap."""
        if len(self.start_m) == 0:
            return []
        breaks = np.flatnonzero(np.diff(self.start_m) > self.piece_m * 1.001)
        first = self.start_m[np.r_[0, breaks + 1]]
        last = self.start_m[np.r_[breaks, len(self.start_m) - 1]] + self.piece_m
        return list(zip(first.tolist(), last.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Markings:
    """All lines along a road, and the brightness of their worn paint as a fraction of that of new paint."""

    lines: tuple[Marking, ...]
    worn: float


def draw_markings(road: Road, rng: np.random.Generator) -> Markings:
    """Draws lane, edge and middle lines, which are interrupted at side streets."""
    worn = float(rng.uniform(0.82, 1.0))
    dash = _DASHES[rng.integers(len(_DASHES))]
    median, lane = road.median_m / 2, road.lane_width_m
    lines = [_line(road, -(median + k * lane), dash) for k in range(1, road.lanes_forward)]
    lines += [_line(road, median + k * lane, dash) for k in range(1, road.lanes_backward)]
    lines.append(_edge_line(road, -(median + road.lanes_forward * lane) + _EDGE_LINE_INSIDE_M))
    if road.lanes_backward:
        lines.append(_edge_line(road, median + road.lanes_backward * lane - _EDGE_LINE_INSIDE_M))
    else:
        lines.append(_line(road, _ONE_WAY_LINE_M, middle=True))
    if road.lanes_backward and road.median_m == 0:
        if rng.random() < _DOUBLE_LINE_PROBABILITY:
            lines += [_line(road, offset, width_m=_MIDDLE_LINE_M, middle=True) for offset in (-0.15, 0.15)]
        else:
            lines.append(_line(road, 0.0, dash, _SINGLE_MIDDLE_LINE_M, middle=True))
    elif road.median_m:
        beside = median + _MEDIAN_LINE_M
        lines += [_line(road, offset, width_m=_MIDDLE_LINE_M, middle=True) for offset in (beside, -beside)]
    return Markings(tuple(lines), worn)


def _edge_line(road: Road, offset_m: float) -> Marking:
    """Returns a solid line, or short dashes if cars park beside it."""
    return _line(road, offset_m, _PARKING_DASH if road.parking_m else None, interrupted_m=_EDGE_INTERRUPTED_M)


def _line(
    road: Road,
    offset_m: float,
    dash: tuple[float, float] | None = None,
    width_m: float = _LINE_M,
    middle: bool = False,
    interrupted_m: float = _INTERRUPTED_M,
) -> Marking:
    """Returns a solid line, or a dashed one whose dashes and gaps have the lengths `dash`."""
    if dash is None:
        start, length = np.arange(0, road.length_m - _PIECE_M, _PIECE_M), _PIECE_M
    else:
        length, gap = dash
        start = np.arange(0, road.length_m - length, length + gap)
    start = start[~road.in_side_street(start + length / 2, 0, interrupted_m)]
    return Marking(offset_m, width_m, middle, start, length)


def street_dashes(road: Road, street: SideStreet, side: int) -> np.ndarray:
    """Returns the offsets `n 2` of both ends of the dashes in the middle of a side street, on `side` of the road."""
    start = road.edge_m(side) + side * _STREET_DASHES_M
    return np.stack([start, start + side * _STREET_DASH_M], -1)
