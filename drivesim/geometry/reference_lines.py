"""The reference line of a road, straight or with one curve, and trajectories of vehicles that follow it.

Road axes: x points right and y forward, in metres. A station is a distance along the line from the origin, where the
line points along y; an offset is a distance to its left. Headings are in radians, 0 along y and positive to the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from drivesim.geometry.profiles import STILL, Profile
from drivesim.geometry.trajectories import MIN_SPEED_MPS, Poses, yaw_rate

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
_TABLE_STEP_M, _MAX_TABLE = 0.1, 20_000
"""Spacing of the table of positions along a curve, and its largest length."""
_MIN_STRETCH = 0.1
"""Smallest length of a path relative to its reference line; in a curve, offsets towards the centre shorten paths."""
_SEARCH_STEP_M, _NEWTON_STEPS = 4.0, 4
"""The nearest station to a place is searched at this spacing, then refined by Newton's method."""
_MAX_FOLLOW_STEPS, _PRECISION_M = 60, 1e-9
_STEP_S, _MAX_STEPS = 0.1, 600
"""Step of the integration while an offset changes in a curve, and the largest number of steps."""


@dataclass(frozen=True)
class ReferenceLine:
    """A line whose curvature in 1/m, positive to the left, is a profile over the station."""

    curvature: Profile = STILL

    @classmethod
    def with_curve(cls, starts_m: float, radius_m: float, angle_rad: float, entry_m: float) -> ReferenceLine:
        """Returns a line with one curve.

        Args:
            starts_m: Station at which the curvature begins to grow.
            radius_m: Radius of the curve; positive to the left, negative to the right.
            angle_rad: Angle by which the line turns in all.
            entry_m: Length over which the curvature grows and, at the end, decreases; shorter if the curve is too
                short for it.
        """
        length = abs(radius_m) * angle_rad
        entry = min(entry_m, length)
        targets = [(starts_m, entry, 1 / radius_m), (starts_m + length, entry, 0.0)]
        return cls(Profile.through(0.0, targets))

    def heading(self, stations_m: np.ndarray) -> np.ndarray:
        """Returns headings `...` at stations `...`."""
        return self._turned(stations_m) - self._at_origin[0]

    def position(self, stations_m: np.ndarray, offsets_m: np.ndarray | float = 0.0) -> np.ndarray:
        """Returns places `... 2` at stations and offsets `...`."""
        stations = np.asarray(stations_m, dtype=float)
        turned, way = self._at_origin
        moved = self._travelled(stations) - way
        cos, sin = np.cos(turned), np.sin(turned)
        middle = np.stack([moved[..., 0] * cos + moved[..., 1] * sin, moved[..., 1] * cos - moved[..., 0] * sin], -1)
        return middle + np.asarray(offsets_m)[..., None] * _direction(self.heading(stations) + np.pi / 2)

    def curvature_at(self, station_m: float) -> float:
        """Returns the curvature at one station, in plain Python because numpy is slow on single numbers."""
        total = self.curvature.initial
        for start, length, amount in self._changes:
            u = min(max((station_m - start) / length, 0.0), 1.0)
            total += amount * u**3 * (10 - 15 * u + 6 * u * u)
        return total

    def is_straight(self, low_m: float, high_m: float) -> bool:
        """Returns whether the line is straight between two stations."""
        start, step, table = self._table
        return not self.curvature.changes or high_m <= start or low_m >= start + step * (len(table) - 1)

    def project(self, points: np.ndarray, near_m: float = 400.0) -> tuple[np.ndarray, np.ndarray]:
        """Returns stations and offsets `...` of places `... 2`: the nearest points of the line within ±`near_m`."""
        if not self.curvature.changes:
            return points[..., 1], -points[..., 0]
        stations = np.arange(-near_m, near_m + _SEARCH_STEP_M, _SEARCH_STEP_M)
        distance = np.linalg.norm(points[..., None, :] - self.position(stations), axis=-1)
        station = stations[distance.argmin(-1)]
        for _ in range(_NEWTON_STEPS):
            ahead, left = self._seen_from(station, points)
            station = station + ahead / np.maximum(1 - left * self.curvature.value(station), _MIN_STRETCH)
        return station, self._seen_from(station, points)[1]

    def _seen_from(self, stations: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns how far places `... 2` are ahead of, and to the left of, the line at stations `...`."""
        heading, (x, y) = self.heading(stations), np.moveaxis(points - self.position(stations), -1, 0)
        return y * np.cos(heading) - x * np.sin(heading), -x * np.cos(heading) - y * np.sin(heading)

    def _travelled(self, stations: np.ndarray) -> np.ndarray:
        """Returns the displacement `... 2` from where the first curve begins to stations `...`."""
        start, step, table = self._table
        inside = np.clip(stations, start, start + step * (len(table) - 1))
        index = np.minimum(((inside - start) // step).astype(int), len(table) - 2)
        u = ((inside - start) / step - index)[..., None]
        low, high = table[index], table[index + 1]
        first, last = (step * _direction(self._turned(start + step * (index + more))) for more in (0, 1))
        way = low + u * (first + u * (3 * (high - low) - 2 * first - last + u * (2 * (low - high) + first + last)))
        return way + (stations - inside)[..., None] * _direction(self._turned(inside))

    def _turned(self, stations: np.ndarray) -> np.ndarray:
        """Returns the angle that the line has turned since far behind the origin."""
        return self.curvature.integral(stations)

    @cached_property
    def _changes(self) -> list[tuple[float, float, float]]:
        """Start, length and amount of each change of the curvature."""
        return [(float(c.start_s), float(c.duration_s), float(c.amount)) for c in self.curvature.changes]

    @cached_property
    def _at_origin(self) -> tuple[float, np.ndarray]:
        """`_turned` and `_travelled` at station 0."""
        return float(self._turned(np.array(0.0))), self._travelled(np.array(0.0))

    @cached_property
    def _table(self) -> tuple[float, float, np.ndarray]:
        """First station, step, and displacements `n 2` from there, over all that curves; between them it is cubic."""
        ends = [station for start, length, _ in self._changes for station in (start, start + length)]
        start, stop = (min(ends), max(ends)) if ends else (0.0, 1.0)
        count = int(np.clip(np.ceil((stop - start) / _TABLE_STEP_M), 1, _MAX_TABLE))
        step = (stop - start) / count
        stations = start + step * (np.arange(count)[:, None] + (1 + _NODES) / 2)
        cells = (step / 2 * _WEIGHTS[:, None] * _direction(self._turned(stations))).sum(-2)
        return start, step, np.concatenate([np.zeros((1, 2)), np.cumsum(cells, 0)])


def _direction(headings: np.ndarray) -> np.ndarray:
    """Returns unit vectors `... 2` along headings `...`."""
    return np.stack([-np.sin(headings), np.cos(headings)], -1)


@dataclass(frozen=True)
class LineTrajectory:
    """The trajectory of a vehicle that follows a reference line.

    Attributes:
        line: The reference line.
        start_station_m: Station of the vehicle's middle at time 0.
        speed_mps: Speed along the vehicle's own path, without the sideways shift.
        lateral_m: Offset of the vehicle's middle from the line, positive to the vehicle's own left.
        direction: 1 if the vehicle drives along the line, -1 if it drives against it.
        turn_rad: Always `STILL`; a vehicle that follows a line does not turn away from it.
    """

    line: ReferenceLine
    start_station_m: float
    speed_mps: Profile
    lateral_m: Profile = STILL
    direction: int = 1
    turn_rad: Profile = STILL

    @property
    def start_m(self) -> tuple[float, float]:
        """Middle of the vehicle at time 0."""
        x, y = self.line.position(np.array(self.start_station_m), self.direction * self.lateral_m.initial)
        return float(x), float(y)

    @property
    def heading_rad(self) -> float:
        """Heading at time 0, without a shift."""
        return float(self.line.heading(np.array(self.start_station_m))) + (0.0 if self.direction > 0 else np.pi)

    def at(self, time_s: ArrayLike) -> Poses:
        """Returns the poses at times `...`, none of which may be negative."""
        times = np.asarray(time_s, dtype=float)
        station = self.station(times)
        speed, sideways = self.speed_mps.value(times), self.lateral_m.rate(times)
        drift = np.arctan2(sideways, np.maximum(speed, MIN_SPEED_MPS))
        heading = self.line.heading(station) + (0.0 if self.direction > 0 else np.pi) + drift
        return Poses(self.line.position(station, self._offset(times)), heading, np.hypot(speed, sideways))

    def yaw_rate(self, time_s: ArrayLike) -> np.ndarray:
        """Returns yaw rates in rad/s at times `...`, positive to the left."""
        return yaw_rate(self, time_s)

    def sideways_acceleration(self, time_s: np.ndarray) -> np.ndarray:
        """Returns the acceleration in m/s² that the curve demands, positive to the vehicle's left, at times `...`."""
        curvature = self.line.curvature.value(self.station(time_s))
        stretch = np.maximum(1 - curvature * self._offset(time_s), _MIN_STRETCH)
        return self.direction * self.speed_mps.value(time_s) ** 2 * curvature / stretch

    def station(self, time_s: ArrayLike) -> np.ndarray:
        """Returns stations `...` at times `...`; in a curve, a path at an offset is longer or shorter than the line."""
        times = np.asarray(time_s, dtype=float)
        station = np.full(times.shape, self.start_station_m)
        for start, stop, nodes, stations in self._pieces:
            inside = (times >= start) & (times < stop)
            if inside.any():
                found = self._follow(start, float(stations[0]), times[inside])
                station[inside] = found if len(nodes) < 2 else self._between(nodes, stations, times[inside])
        return station

    def _driven(self, start: float, time_s: np.ndarray) -> np.ndarray:
        """Returns the metres driven from `start` to times `...`."""
        return self.speed_mps.integral(time_s) - self.speed_mps.integral(np.array(start))

    def _offset(self, time_s: np.ndarray) -> np.ndarray:
        """Returns the offsets to the left of the line at times `...`."""
        return self.direction * self.lateral_m.value(time_s)

    def _rate(self, time_s: np.ndarray, station: np.ndarray) -> np.ndarray:
        """Returns the change of the station per second."""
        stretch = np.maximum(1 - self.line.curvature.value(station) * self._offset(time_s), _MIN_STRETCH)
        return self.direction * self.speed_mps.value(time_s) / stretch

    @cached_property
    def _pieces(self) -> list[tuple[float, float, np.ndarray, np.ndarray]]:
        """Spans of time: start, end, and times and stations on the way; only the first of these without a shift."""
        spans: list[list[float]] = []
        for start, duration in sorted((float(c.start_s), float(c.duration_s)) for c in self.lateral_m.changes):
            if spans and start < spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], start + duration)
            else:
                spans.append([start, start + duration])
        pieces: list[tuple[float, float, np.ndarray, np.ndarray]] = []
        now, station = 0.0, self.start_station_m
        for start, stop in spans:
            if start > now:
                pieces.append((now, start, np.array([now]), np.array([station])))
                station = float(self._follow(now, station, np.array([start]))[0])
            nodes, stations = self._shifted(start, stop, station)
            pieces.append((start, stop, nodes, stations))
            if len(nodes) < 2:
                stations = self._follow(start, station, np.array([stop]))
            now, station = stop, float(stations[-1])
        return [*pieces, (now, np.inf, np.array([now]), np.array([station]))]

    def _shifted(self, start: float, stop: float, station: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns times and stations while the offset changes, by the Runge-Kutta method of order 4.

        Only the first of each is returned where the road is straight.
        """
        end = station + self.direction * float(self._driven(start, np.array(stop)))
        if self.line.is_straight(min(station, end), max(station, end)):
            return np.array([start]), np.array([station])
        nodes = np.linspace(start, stop, min(_MAX_STEPS, max(16, int(np.ceil((stop - start) / _STEP_S)))) + 1)
        stations, step = [station], float(nodes[1] - nodes[0])
        halves = np.linspace(start, stop, 2 * len(nodes) - 1)
        speeds, offsets = (self.direction * self.speed_mps.value(halves)).tolist(), self._offset(halves).tolist()

        def rate(half: int, station: float) -> float:
            return speeds[half] / max(1 - self.line.curvature_at(station) * offsets[half], _MIN_STRETCH)

        for half in range(0, len(halves) - 1, 2):
            first = rate(half, station)
            second = rate(half + 1, station + first * step / 2)
            third = rate(half + 1, station + second * step / 2)
            fourth = rate(half + 2, station + third * step)
            station += step / 6 * (first + 2 * second + 2 * third + fourth)
            stations.append(station)
        return nodes, np.array(stations)

    def _between(self, nodes: np.ndarray, stations: np.ndarray, time_s: np.ndarray) -> np.ndarray:
        """Returns the stations between nodes by cubic interpolation with the rates at the nodes."""
        step = nodes[1] - nodes[0]
        index = np.clip(((time_s - nodes[0]) // step).astype(int), 0, len(nodes) - 2)
        u = (time_s - nodes[index]) / step
        rates = self._rate(nodes, stations) * step
        low, high, first, last = stations[index], stations[index + 1], rates[index], rates[index + 1]
        return low + u * first + u**2 * (3 * (high - low) - 2 * first - last) + u**3 * (2 * (low - high) + first + last)

    def _follow(self, start: float, station: float, time_s: np.ndarray) -> np.ndarray:
        """Returns stations `n` at times `n` while the offset is constant.

        The length of a path is the length along the line less the offset times the angle turned.
        """
        driven = self.direction * self._driven(start, time_s)
        if self.line.is_straight(station + min(0.0, float(driven.min())), station + max(0.0, float(driven.max()))):
            return station + driven
        offset, heading = self._offset(np.array(start)), self.line.heading(np.array(station))

        def excess(stations: np.ndarray) -> np.ndarray:
            return stations - station - offset * (self.line.heading(stations) - heading) - driven

        sharpest = max(abs(float(change.amount)) for change in self.line.curvature.changes)
        far = np.abs(driven) / max(1 - sharpest * abs(float(offset)), _MIN_STRETCH)
        low, high, found = station - far, station + far, station + driven
        for _ in range(_MAX_FOLLOW_STEPS):  # Newton's method; bisection where it would leave the bracket
            over = excess(found)
            if np.abs(over).max() < _PRECISION_M:
                break
            low, high = np.where(over > 0, low, found), np.where(over > 0, found, high)
            newton = found - over / np.maximum(1 - offset * self.line.curvature.value(found), _MIN_STRETCH)
            found = np.where((newton > low) & (newton < high), newton, (low + high) / 2)
        return found
