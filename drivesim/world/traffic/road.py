"""The road of a world: a smooth reference line with lanes on both sides.

A place on the road has a *station* (metres along the reference line) and an *offset* (metres to the left of it).
Traffic keeps right: the ego's lanes lie at negative offsets, oncoming lanes at positive ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_CURVATURE_SMOOTHING_M = 31
_STRAIGHT_AROUND_SIDE_STREET_M = 30
_MAX_TURN_RAD = 1.2
_ONE_WAY_STRIP_M = 0.6


@dataclass(frozen=True)
class SideStreet:
    """A street that meets the road at a right angle, with one lane in each direction."""

    station_m: float
    side: int
    """1 for a street on the left, -1 for one on the right, 0 for a crossing."""
    half_width_m: float
    length_m: float = 95.0
    """Length from the edge of the road."""

    def opens_to(self, side: int) -> bool:
        """Returns whether the street leaves the road on `side` (1 left, -1 right)."""
        return self.side in (0, side)


@dataclass(frozen=True, eq=False)
class Road:
    """A road whose reference line is sampled once per metre (`x`, `y` and `heading`, float64 `n`)."""

    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray
    lanes_forward: int
    lanes_backward: int
    lane_width_m: float
    median_m: float
    parking_m: float
    """Width of the parking strip between the outermost lane and the edge; 0 if there is none."""
    urban: bool
    side_streets: tuple[SideStreet, ...]

    @classmethod
    def generate(cls, rng: np.random.Generator, length_m: int = 400) -> Road:
        """Draws a road: curvature, lanes, median, parking and side streets."""
        side_streets = _draw_side_streets(rng, length_m)
        curvature = _draw_curvature(rng, length_m, side_streets)
        heading = np.cumsum(curvature)
        lanes_forward = int(rng.choice([1, 2, 3], p=[0.32, 0.45, 0.23]))
        lanes_backward = int(rng.choice([0, 1, 2, 3], p=[0.08, 0.40, 0.34, 0.18]))
        urban = bool(rng.random() < 0.62)
        parking = urban and rng.random() < 0.4
        return cls(
            x=np.cumsum(np.cos(heading)),
            y=np.cumsum(np.sin(heading)),
            heading=heading,
            lanes_forward=lanes_forward,
            lanes_backward=lanes_backward,
            lane_width_m=float(rng.uniform(3.3, 3.7)),
            median_m=1.6 if lanes_backward and rng.random() < 0.25 else 0.0,
            parking_m=2.3 if parking else 0.0,
            urban=urban,
            side_streets=side_streets,
        )

    @property
    def length_m(self) -> float:
        return float(len(self.x) - 1)

    @property
    def right_edge_m(self) -> float:
        """Offset of the right edge of the carriageway, which is negative."""
        return -(self.median_m / 2 + self.lanes_forward * self.lane_width_m + self.parking_m)

    @property
    def left_edge_m(self) -> float:
        """Offset of the left edge of the carriageway, which is positive; a one-way road has a narrow strip there."""
        if self.lanes_backward == 0:
            return _ONE_WAY_STRIP_M
        return self.median_m / 2 + self.lanes_backward * self.lane_width_m + self.parking_m

    def edge_m(self, side: int) -> float:
        """Returns the offset of the edge on `side` (1 left, -1 right)."""
        return self.left_edge_m if side > 0 else self.right_edge_m

    def lane_offset(self, lane: int) -> float:
        """Returns the offset of the middle of a lane.

        From the median outward, lanes 0, 1, ... are in the ego's direction and lanes -1, -2, ... are oncoming.
        """
        if lane >= 0:
            return -(self.median_m / 2 + (lane + 0.5) * self.lane_width_m)
        return self.median_m / 2 + (-lane - 0.5) * self.lane_width_m

    def curvature(self, station: float) -> float:
        """Returns the curvature of the reference line in 1/m, positive to the left."""
        index = min(max(int(station), 1), len(self.heading) - 1)
        return float(self.heading[index] - self.heading[index - 1])

    def position(self, station: ArrayLike, offset: ArrayLike, z: ArrayLike = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Returns world points `... 3` and road headings `...` at stations, offsets and heights.

        The arguments broadcast against each other. Stations are clipped to the road.
        """
        stations, offsets, heights = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (station, offset, z)))
        clipped = np.clip(stations, 0, len(self.x) - 1.001)
        index = clipped.astype(int)
        fraction = clipped - index
        x, y, heading = (a[index] * (1 - fraction) + a[index + 1] * fraction for a in (self.x, self.y, self.heading))
        points = np.stack([x - np.sin(heading) * offsets, y + np.cos(heading) * offsets, heights], axis=-1)
        return points, heading

    def strip(self, stations: ArrayLike, offsets: ArrayLike, z: float = 0.0) -> np.ndarray:
        """Returns quads `n 4 3` over the grid of stations and offsets; ascending offsets make them face up.

        The quads run along the offsets first: `n = (len(stations) - 1) * (len(offsets) - 1)`.
        """
        grid, _ = self.position(np.asarray(stations)[:, None], np.asarray(offsets)[None, :], z)
        quads = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=2)
        return quads.reshape(-1, 4, 3)

    def patches(self, start: ArrayLike, stop: ArrayLike, right: ArrayLike, left: ArrayLike) -> np.ndarray:
        """Returns separate quads `n 4 3`, such as dashes and stop lines.

        Each quad reaches from station `start` to `stop` and from offset `right` to `left`; the arguments broadcast.
        """
        begin, end, low, high = np.broadcast_arrays(*(np.atleast_1d(a) for a in (start, stop, right, left)))
        stations = np.stack([begin, end, end, begin], axis=-1)
        offsets = np.stack([low, low, high, high], axis=-1)
        return self.position(stations, offsets)[0].reshape(-1, 4, 3)

    def in_side_street(self, station: ArrayLike, side: int = 0, margin_m: float = 0.0) -> np.ndarray:
        """Returns which stations lie in the mouth of a side street on `side` (1 left, -1 right, 0 either)."""
        stations = np.asarray(station, np.float64)
        inside = np.zeros(stations.shape, bool)
        for street in self.side_streets:
            if side == 0 or street.opens_to(side):
                inside |= np.abs(stations - street.station_m) < street.half_width_m + margin_m
        return inside


def _draw_side_streets(rng: np.random.Generator, length_m: int) -> tuple[SideStreet, ...]:
    streets = []
    station = rng.uniform(35, 120)
    while station < length_m - 60:
        side = int(rng.choice([-1, 1, 0], p=[0.35, 0.3, 0.35]))
        streets.append(SideStreet(float(station), side, float(rng.uniform(3.6, 5.2))))
        station += rng.uniform(70, 200)
    return tuple(streets)


def _draw_curvature(rng: np.random.Generator, length_m: int, side_streets: tuple[SideStreet, ...]) -> np.ndarray:
    """Draws the curvature at each metre: piecewise constant, zero around side streets, and smoothed.

    The road never turns back on itself.
    """
    curvature = np.zeros(length_m)
    station, heading = int(rng.integers(0, 40)), 0.0
    while station < length_m:
        piece = int(rng.integers(40, 130))
        if rng.random() < 0.62:
            value = rng.uniform(0.2, 1.0) * rng.choice([0.005, 0.010, 0.015]) * rng.choice([-1, 1])
            if abs(heading + value * piece) > _MAX_TURN_RAD:
                value = -value
            curvature[station : station + piece] = value
            heading += value * piece
        station += piece
    for street in side_streets:
        centre = int(street.station_m)
        curvature[max(0, centre - _STRAIGHT_AROUND_SIDE_STREET_M) : centre + _STRAIGHT_AROUND_SIDE_STREET_M] = 0
    kernel = np.ones(_CURVATURE_SMOOTHING_M) / _CURVATURE_SMOOTHING_M
    return np.convolve(curvature, kernel, "same")
