"""The road of a world: a smooth reference line with lanes on both sides of it.

A place on the road is a *station* (metres along the reference line) and an *offset* (metres across it, positive to
the left of our travel). Traffic keeps right: our lanes lie at negative offsets, oncoming lanes at positive ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CURVATURE_SMOOTHING_M = 31
_STRAIGHT_AROUND_SIDE_STREET_M = 30
_MAX_TURN_RAD = 1.2


@dataclass(frozen=True)
class SideStreet:
    """A street that meets the road at a right angle, with one lane each way."""

    station_m: float
    side: int
    """1: only on the left, -1: only on the right, 0: a crossing with both."""
    half_width_m: float
    length_m: float = 95.0
    """How far it reaches from the edge of the road."""

    def opens_to(self, side: int) -> bool:
        """Whether it leaves the road on `side` (1 left, -1 right)."""
        return self.side in (0, side)


@dataclass(frozen=True, eq=False)
class Road:
    """A road of `length_m` metres, its reference line sampled once a metre (`x`, `y`, `heading`: float64 `n`)."""

    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray
    lanes_forward: int
    lanes_backward: int
    lane_width_m: float
    median_m: float
    parking_m: float
    """Width of the parking strip between the outermost lane and the edge; 0 where there is none."""
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
        """Offset of the right edge of the pavement (negative)."""
        return -(self.median_m / 2 + self.lanes_forward * self.lane_width_m + self.parking_m)

    @property
    def left_edge_m(self) -> float:
        """Offset of the left edge of the pavement (positive); a one-way road has a narrow strip there."""
        if self.lanes_backward == 0:
            return 0.6
        return self.median_m / 2 + self.lanes_backward * self.lane_width_m + self.parking_m

    def edge_m(self, side: int) -> float:
        """Offset of the edge on `side` (1 left, -1 right)."""
        return self.left_edge_m if side > 0 else self.right_edge_m

    def lane_offset(self, lane: int) -> float:
        """Offset of the middle of a lane: 0, 1, ... are ours from the median outward, -1, -2, ... are oncoming."""
        if lane >= 0:
            return -(self.median_m / 2 + (lane + 0.5) * self.lane_width_m)
        return self.median_m / 2 + (-lane - 0.5) * self.lane_width_m

    def curvature(self, station: float) -> float:
        """Curvature of the reference line, 1/m, positive to the left."""
        index = min(max(int(station), 1), len(self.heading) - 1)
        return float(self.heading[index] - self.heading[index - 1])

    def position(
        self, station: np.ndarray | float, offset: np.ndarray | float, z: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """World points `... 3` and road headings `...` at stations and offsets (broadcast against each other).

        Stations are clipped to the road.
        """
        station, offset, z = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (station, offset, z)))
        station = np.clip(station, 0, len(self.x) - 1.001)
        index = station.astype(int)
        fraction = station - index
        x, y, heading = (a[index] * (1 - fraction) + a[index + 1] * fraction for a in (self.x, self.y, self.heading))
        points = np.stack([x - np.sin(heading) * offset, y + np.cos(heading) * offset, z], axis=-1)
        return points, heading

    def strip(self, stations: np.ndarray, offsets: np.ndarray, z: float = 0.0) -> np.ndarray:
        """Quads `n 4 3` over the grid stations x offsets; ascending offsets make them face up.

        The quads run along the offsets first: `n = (len(stations) - 1) * (len(offsets) - 1)`.
        """
        grid, _ = self.position(np.asarray(stations)[:, None], np.asarray(offsets)[None, :], z)
        quads = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=2)
        return quads.reshape(-1, 4, 3)

    def patches(
        self,
        start: np.ndarray | float,
        stop: np.ndarray | float,
        right: np.ndarray | float,
        left: np.ndarray | float,
        z: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Many separate quads `n 4 3` at once (dashes, stop lines): each from `start` to `stop`, `right` to `left`."""
        start, stop, right, left, z = np.broadcast_arrays(*(np.atleast_1d(a) for a in (start, stop, right, left, z)))
        stations = np.stack([start, stop, stop, start], axis=-1)
        offsets = np.stack([right, right, left, left], axis=-1)
        return self.position(stations, offsets, z[..., None])[0].reshape(-1, 4, 3)

    def in_side_street(self, station: np.ndarray | float, side: int = 0, margin_m: float = 0.0) -> np.ndarray:
        """Which stations lie in the mouth of a side street on `side` (1 left, -1 right, 0 either): bool `...`."""
        station = np.asarray(station, np.float64)
        inside = np.zeros(station.shape, bool)
        for street in self.side_streets:
            if side == 0 or street.opens_to(side):
                inside |= np.abs(station - street.station_m) < street.half_width_m + margin_m
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
    """Piecewise constant, straight around side streets, then smoothed; the road never turns back on itself."""
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
