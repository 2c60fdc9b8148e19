"""The plan of the ego in a drive log: it keeps its lane, changes lanes, brakes, or turns into a side street."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from drivesim.world.traffic.road import Road, SideStreet

Manoeuvre = Literal["keep", "change", "brake", "turn"]
_MANOEUVRES: tuple[Manoeuvre, ...] = ("keep", "change", "brake", "turn")
_PROBABILITIES = (0.44, 0.22, 0.18, 0.16)
_APPROACH_BRAKING_MPS2 = 2.0


@dataclass(frozen=True)
class Turn:
    """A turn into a side street, sampled every `step_m` along its path.

    After its end the path goes straight on along the side street.

    Attributes:
        side: 1 for a turn to the left, -1 for a turn to the right.
        start_station_m: Station at which the turn begins.
        speed_mps: Speed in the turn.
        step_m: Spacing of the samples.
        station: Station of each sample.
        offset: Offset of each sample.
        heading: Heading of each sample relative to the road.
    """

    side: int
    start_station_m: float
    speed_mps: float
    step_m: float
    station: np.ndarray
    offset: np.ndarray
    heading: np.ndarray

    @classmethod
    def into(cls, street: SideStreet, side: int, offset_m: float, reach_m: float, speed_mps: float) -> Turn:
        """Returns the turn from an offset into the right lane of a street, over `reach_m` forward and sideways."""
        fraction = np.linspace(0, 1, 201)
        bend = np.clip(np.minimum(fraction, 1 - fraction) / 0.3, 0, 1)
        heading = np.cumsum(bend) / bend.sum() * (np.pi / 2)
        forward, sideways = (np.cumsum(part) - part[0] for part in (np.cos(heading), np.sin(heading)))
        start = street.station_m + side * street.half_width_m / 2 - reach_m
        return cls(
            side=side,
            start_station_m=start,
            speed_mps=speed_mps,
            step_m=reach_m / forward[-1],
            station=start + reach_m * forward / forward[-1],
            offset=offset_m + side * reach_m * sideways / sideways[-1],
            heading=side * heading,
        )

    def at(self, distance_m: float) -> tuple[float, float, float]:
        """Returns station, offset and heading relative to the road after `distance_m` along the path."""
        position = distance_m / self.step_m
        last = len(self.station) - 1
        index = np.arange(last + 1)
        station, offset, heading = (
            float(np.interp(position, index, values)) for values in (self.station, self.offset, self.heading)
        )
        return station, offset + self.side * max(0.0, position - last) * self.step_m, heading

    def approach_speed(self, station_m: float) -> float:
        """Returns the highest speed in m/s at a station before the turn from which braking is comfortable."""
        distance = max(0.0, self.start_station_m - station_m)
        return float(np.sqrt(self.speed_mps**2 + 2 * _APPROACH_BRAKING_MPS2 * distance))


@dataclass(frozen=True)
class EgoPlan:
    """The start of the ego and its manoeuvre; times count from the first frame."""

    manoeuvre: Manoeuvre
    lane: int
    station_m: float
    speed_mps: float
    time_s: float
    """Time at which the lane change or the braking begins."""
    brake_to_mps: float
    brake_s: float
    turn: Turn | None

    @classmethod
    def draw(cls, rng: np.random.Generator, road: Road, flow_mps: float, lead_in_s: float) -> EgoPlan:
        """Draws a plan for a road; the ego drives for `lead_in_s` before the first frame."""
        manoeuvre = _MANOEUVRES[rng.choice(len(_MANOEUVRES), p=_PROBABILITIES)]
        lane = int(rng.integers(road.lanes_forward))
        speed = float(np.clip(flow_mps * rng.uniform(0.8, 1.15), 2.0, 15.0))
        station = float(rng.uniform(25, max(30, road.length_m - 260)))
        turn = None
        if manoeuvre == "turn" and road.side_streets and road.side_streets[0].station_m < road.length_m - 200:
            street = road.side_streets[0]
            side = int(rng.choice([side for side in (-1, 1) if street.opens_to(side)]))
            lane = road.lanes_forward - 1 if side < 0 else 0
            reach = float(rng.uniform(6.0, 7.5)) + road.parking_m * 0.5 if side < 0 else float(rng.uniform(9, 12))
            turn = Turn.into(street, side, road.lane_offset(lane), reach, float(rng.uniform(3.8, 5.5)))
            speed = min(speed, 9.0)
            ahead = rng.uniform(-4, 12) + (lead_in_s + rng.uniform(0, 1.5)) * min(speed, 6.0)
            station = max(5.0, turn.start_station_m - float(ahead))
            speed = min(speed, turn.approach_speed(station))
        return cls(
            manoeuvre=manoeuvre,
            lane=lane,
            station_m=station,
            speed_mps=speed,
            time_s=float(rng.uniform(-1.0, 2.0)),
            brake_to_mps=float(rng.choice([0.0, 0.3, 0.5])) * speed,
            brake_s=float(rng.uniform(1.5, 3.5)),
            turn=turn,
        )

    def desired_speed(self, time_s: float, station_m: float) -> float:
        """Returns the speed in m/s at which the ego would drive on a free road."""
        if self.turn is not None:
            return min(self.speed_mps, self.turn.approach_speed(station_m))
        if self.manoeuvre == "brake" and self.time_s <= time_s < self.time_s + self.brake_s:
            return self.brake_to_mps
        return self.speed_mps
