"""The vehicles on the road at the start: traffic in both directions, parked ones, and ones waiting in side streets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from drivesim.world.quads import Colour
from drivesim.world.traffic.ego import EgoPlan
from drivesim.world.traffic.following import LaneChange
from drivesim.world.traffic.road import Road
from drivesim.world.vehicles.fleet import BUS_PALETTE, CARGO_PALETTE, PALETTE, fleet
from drivesim.world.vehicles.model import VehicleModel
from drivesim.world.vehicles.placement import PlacedVehicle

_CATEGORY_PROBABILITIES = {"car": 0.64, "van": 0.14, "truck": 0.12, "bus": 0.10}
_PLACE_PROBABILITIES = {"ahead": 0.45, "oncoming": 0.33, "parked": 0.3, "waiting": 0.12}
"""Relative probabilities of the places of vehicles."""
_MAX_PARKED_LENGTH_M = 6.5
_ATTEMPTS_PER_VEHICLE = 14


@dataclass
class Driver:
    """A vehicle that drives; stations and offsets are as in `Road`."""

    track_id: int
    model: VehicleModel
    paint: Colour
    cargo_paint: Colour
    lane: int
    station_m: float
    offset_m: float
    speed_mps: float
    desired_mps: float
    acceleration: float = 0.0
    drift_rad: float = 0.0
    """Heading relative to the lane, positive to the left of the road."""
    change: LaneChange | None = None
    left_lane: int | None = None
    """The lane that the vehicle is leaving, as long as it still blocks it."""
    slow_from_s: float = np.inf
    """Time at which the vehicle slows down for a while without a visible reason."""

    @property
    def direction(self) -> int:
        """1 if the vehicle drives in the ego's direction, -1 if it is oncoming."""
        return 1 if self.lane >= 0 else -1

    @property
    def half_length_m(self) -> float:
        return self.model.half_length_m

    @property
    def lanes(self) -> tuple[int, ...]:
        """The lanes that the vehicle blocks."""
        return (self.lane,) if self.left_lane is None else (self.lane, self.left_lane)

    def placed(self, road: Road) -> PlacedVehicle:
        """Returns the vehicle in the world."""
        (x, y, _), heading = road.position(self.station_m, self.offset_m)
        turned = 0.0 if self.direction > 0 else np.pi
        return PlacedVehicle(
            track_id=self.track_id,
            model=self.model,
            x_m=float(x),
            y_m=float(y),
            heading_rad=float(heading) + turned + self.drift_rad,
            speed_mps=self.speed_mps,
            paint=self.paint,
            cargo_paint=self.cargo_paint,
            braking=self.acceleration < -0.8 or self.speed_mps < 0.3,
        )


@dataclass
class Population:
    """All vehicles except the ego; `standing` vehicles never move."""

    drivers: list[Driver] = field(default_factory=list)
    standing: list[PlacedVehicle] = field(default_factory=list)


class Populator:
    """Places vehicles where they do not touch each other and the ego will see them."""

    def __init__(self, road: Road, rng: np.random.Generator, plan: EgoPlan, flow_mps: float) -> None:
        self._road, self._rng, self._plan, self._flow_mps = road, rng, plan, flow_mps
        self._taken: dict[object, list[tuple[float, float]]] = {plan.lane: [(plan.station_m, 2.4)]}
        self._population = Population()

    def populate(self, num_vehicles: int) -> Population:
        """Places up to `num_vehicles`, or fewer if the road is full."""
        placers = [self._place_ahead, self._place_oncoming, self._place_parked, self._place_waiting]
        possible = [True, self._road.lanes_backward > 0, self._road.parking_m > 0, True]
        weights = np.array(list(_PLACE_PROBABILITIES.values())) * possible
        placed = 0
        for _ in range(num_vehicles * _ATTEMPTS_PER_VEHICLE):
            if placed == num_vehicles:
                break
            placer = placers[self._rng.choice(4, p=weights / weights.sum())]
            placed += placer(placed + 1)
        return self._population

    def _place_ahead(self, track_id: int) -> bool:
        lane = int(self._rng.integers(self._road.lanes_forward))
        overtakes = lane != self._plan.lane and self._rng.random() < 0.12
        ahead = -self._rng.uniform(7, 20) if overtakes else 5 + self._rng.gamma(2.0, 15)
        haste = self._rng.uniform(1.2, 1.6) if overtakes else 1.0
        return self._place_driver(track_id, lane, float(ahead), haste)

    def _place_oncoming(self, track_id: int) -> bool:
        if self._plan.turn is not None and self._plan.turn.side > 0:
            return False
        lane = -int(self._rng.integers(1, self._road.lanes_backward + 1))
        return self._place_driver(track_id, lane, float(8 + self._rng.gamma(2.0, 24)), 1.0)

    def _place_driver(self, track_id: int, lane: int, ahead_m: float, haste: float) -> bool:
        model = self._draw_model()
        station = self._plan.station_m + ahead_m
        clearance = 3.0 + 0.35 * self._flow_mps
        if not 2 < station < self._road.length_m - 5 or not self._claim(lane, station, model.half_length_m, clearance):
            return False
        desired = max(1.5, self._flow_mps * float(self._rng.uniform(0.8, 1.2)) * haste)
        paint, cargo_paint = self._draw_paints(model)
        self._population.drivers.append(
            Driver(
                track_id=track_id,
                model=model,
                paint=paint,
                cargo_paint=cargo_paint,
                lane=lane,
                station_m=station,
                offset_m=self._road.lane_offset(lane) + float(self._rng.uniform(-0.25, 0.25)),
                speed_mps=desired * float(self._rng.uniform(0.8, 1.0)),
                desired_mps=desired,
                slow_from_s=float(self._rng.uniform(-1, 3)) if self._rng.random() < 0.2 else np.inf,
            )
        )
        return True

    def _place_parked(self, track_id: int) -> bool:
        side = 1 if self._road.lanes_backward and self._rng.random() < 0.4 else -1
        model = self._draw_model(_MAX_PARKED_LENGTH_M)
        station = self._plan.station_m + float(self._rng.uniform(6, 75))
        half_length = model.half_length_m
        if self._road.in_side_street(station, side, half_length + 4):
            return False
        if not self._claim(("parked", side), station, half_length, 0.8):
            return False
        offset = self._road.edge_m(side) - side * (self._road.parking_m / 2 - 0.1)
        self._stand(track_id, model, station, offset, 0.0 if side < 0 else np.pi)
        return True

    def _place_waiting(self, track_id: int) -> bool:
        ahead = [s for s in self._road.side_streets if 8 < s.station_m - self._plan.station_m < 70]
        if not ahead:
            return False
        street = ahead[self._rng.integers(len(ahead))]
        side = int(self._rng.choice([side for side in (-1, 1) if street.opens_to(side)]))
        model = self._draw_model()
        back = 2.2 + model.half_length_m + float(self._rng.choice([0, 1, 2])) * 7.0 + float(self._rng.uniform(0, 1))
        if not self._claim(("waiting", street.station_m, side), back, model.half_length_m, 1.5):
            return False
        station = street.station_m - side * street.half_width_m / 2
        self._stand(track_id, model, station, self._road.edge_m(side) + side * back, -side * np.pi / 2, braking=True)
        return True

    def _stand(
        self, track_id: int, model: VehicleModel, station: float, offset: float, turned: float, braking: bool = False
    ) -> None:
        (x, y, _), heading = self._road.position(station, offset)
        paint, cargo_paint = self._draw_paints(model)
        self._population.standing.append(
            PlacedVehicle(
                track_id, model, float(x), float(y), float(heading) + turned, 0.0, paint, cargo_paint, braking
            )
        )

    def _claim(self, row: object, at_m: float, half_length_m: float, clearance_m: float) -> bool:
        """Takes room in a row (a lane, a kerb or a side street) and returns True, unless another vehicle has it."""
        taken = self._taken.setdefault(row, [])
        if any(abs(at_m - other) < half_length_m + half + clearance_m for other, half in taken):
            return False
        taken.append((at_m, half_length_m))
        return True

    def _draw_model(self, max_length_m: float = np.inf) -> VehicleModel:
        names, probabilities = list(_CATEGORY_PROBABILITIES), list(_CATEGORY_PROBABILITIES.values())
        category = str(self._rng.choice(names, p=probabilities))
        fitting = [m for m in fleet() if m.category == category and 2 * m.half_length_m <= max_length_m]
        fitting = fitting or [m for m in fleet() if m.category == "car"]
        return fitting[self._rng.integers(len(fitting))]

    def _draw_paints(self, model: VehicleModel) -> tuple[Colour, Colour]:
        palette = BUS_PALETTE if model.category == "bus" else PALETTE
        paint = palette[self._rng.integers(len(palette))]
        shade = float(self._rng.uniform(0.88, 1.04))
        red, green, blue = (min(1.0, shade * channel) for channel in paint)
        return (red, green, blue), CARGO_PALETTE[self._rng.integers(len(CARGO_PALETTE))]
