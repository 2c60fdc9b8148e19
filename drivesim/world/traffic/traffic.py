"""The traffic of a world: all vehicles and the ego, driven along the road step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from drivesim.world.traffic.ego import EgoPlan
from drivesim.world.traffic.following import LaneChange, following_acceleration
from drivesim.world.traffic.population import Driver, Populator
from drivesim.world.traffic.road import Road
from drivesim.world.vehicles.placement import PlacedVehicle

_MAX_STEP_S = 0.05
_LEAD_IN_S = 1.5
"""Time that the traffic drives before time 0."""
_CHANGE_RATE_PER_S, _BLOCKED_CHANGE_RATE_PER_S = 0.03, 0.35
"""Lane changes that a vehicle begins per second, normally and behind a slower vehicle."""
_BLOCKED_GAP_M, _BLOCKED_SPEED = 25, 0.8
"""A vehicle is blocked if the gap ahead and its speed, relative to the desired one, are below these."""
_SLOW_FOR_S, _SLOW_SPEED = 2.0, 0.35
"""Duration of slowing down without a visible reason, and the speed relative to the desired one."""
_CHANGE_GAP_M, _CHANGE_GAP_S = 3, 2.0
"""Smallest gap for a lane change, and how much it grows per m/s of approach."""
_LANE_IS_FREE_AT = 0.6
"""Progress of a lane change after which the vehicle no longer blocks the lane that it leaves."""
_EGO_HALF_LENGTH_M = 2.3

_ByLane = dict[int, "list[Driver | Ego]"]


@dataclass
class Ego:
    """The state of the ego; station and offset are as in `Road`, and the heading is in world axes."""

    station_m: float
    offset_m: float
    speed_mps: float
    lane: int
    x_m: float = 0.0
    y_m: float = 0.0
    heading_rad: float = 0.0
    yaw_rate_radps: float = 0.0
    acceleration: float = 0.0
    drift_rad: float = 0.0
    change: LaneChange | None = None
    turned_m: float | None = None
    """Metres along the turn, once it has begun."""

    direction = 1
    half_length_m = _EGO_HALF_LENGTH_M

    @property
    def lanes(self) -> tuple[int, ...]:
        return () if self.turned_m is not None else (self.lane,)


class Traffic:
    """Vehicles on a road that follow the intelligent driver model and change lanes.

    Everything follows from `rng`. New traffic has already driven for a moment, so that speeds and gaps have settled at
    time 0.
    """

    def __init__(self, road: Road, rng: np.random.Generator, num_vehicles: int) -> None:
        self._road, self._rng = road, rng
        flow_mps = float(rng.uniform(4.5, 14))
        self.plan = EgoPlan.draw(rng, road, flow_mps, _LEAD_IN_S)
        population = Populator(road, rng, self.plan, flow_mps).populate(num_vehicles)
        self._drivers, self._standing = population.drivers, population.standing
        self.ego = Ego(self.plan.station_m, road.lane_offset(self.plan.lane), self.plan.speed_mps, self.plan.lane)
        self._place_ego()
        self.time_s = -_LEAD_IN_S
        self.step(_LEAD_IN_S)

    @property
    def vehicles(self) -> list[PlacedVehicle]:
        """All vehicles except the ego."""
        on_road = [d for d in self._drivers if 4 < d.station_m < self._road.length_m - 6]
        return [driver.placed(self._road) for driver in on_road] + self._standing

    def step(self, dt_s: float) -> None:
        """Drives everything on for `dt_s` seconds."""
        num_steps = max(1, math.ceil(dt_s / _MAX_STEP_S - 1e-9))
        for _ in range(num_steps):
            self._small_step(dt_s / num_steps)

    def _small_step(self, dt_s: float) -> None:
        by_lane = self._by_lane()
        for driver in self._drivers:
            slow = driver.slow_from_s <= self.time_s < driver.slow_from_s + _SLOW_FOR_S
            desired = _SLOW_SPEED * driver.desired_mps if slow else driver.desired_mps
            gap, closing = self._gap_ahead(driver, by_lane)
            driver.acceleration = following_acceleration(driver.speed_mps, desired, gap, closing)
            if driver.change is None:
                self._maybe_change_lane(driver, gap, dt_s, by_lane)
        gap, closing = self._gap_ahead(self.ego, by_lane)
        desired = self.plan.desired_speed(self.time_s, self.ego.station_m)
        self.ego.acceleration = following_acceleration(self.ego.speed_mps, desired, gap, closing)
        self._maybe_begin_ego_change(by_lane)
        for driver in self._drivers:
            self._advance_driver(driver, dt_s)
        self._advance_ego(dt_s)
        self.time_s += dt_s

    def _by_lane(self) -> _ByLane:
        lanes: _ByLane = {}
        vehicles: list[Driver | Ego] = [self.ego, *self._drivers]
        for vehicle in vehicles:
            for lane in vehicle.lanes:
                lanes.setdefault(lane, []).append(vehicle)
        return lanes

    def _gap_ahead(self, vehicle: Driver | Ego, by_lane: _ByLane) -> tuple[float, float]:
        """Returns the gap to the next vehicle ahead and the speed at which it closes; inf and 0 on a free road."""
        nearest, closing = np.inf, 0.0
        for lane in vehicle.lanes:
            for other in by_lane[lane]:
                ahead = (other.station_m - vehicle.station_m) * vehicle.direction
                gap = ahead - other.half_length_m - vehicle.half_length_m
                if other is not vehicle and ahead > 0 and gap < nearest:
                    nearest, closing = gap, vehicle.speed_mps - other.speed_mps
        return nearest, closing

    def _has_room(self, vehicle: Driver | Ego, lane: int, by_lane: _ByLane) -> bool:
        for other in by_lane.get(lane, []):
            ahead = (other.station_m - vehicle.station_m) * vehicle.direction
            room = abs(ahead) - other.half_length_m - vehicle.half_length_m
            approaching = (vehicle.speed_mps - other.speed_mps) * np.sign(ahead)
            if room < _CHANGE_GAP_M + _CHANGE_GAP_S * max(0.0, approaching):
                return False
        return True

    def _maybe_change_lane(self, driver: Driver, gap: float, dt_s: float, by_lane: _ByLane) -> None:
        blocked = gap < _BLOCKED_GAP_M and driver.speed_mps < _BLOCKED_SPEED * driver.desired_mps
        rate = _BLOCKED_CHANGE_RATE_PER_S if blocked else _CHANGE_RATE_PER_S
        if self._rng.random() > rate * dt_s or driver.speed_mps < 1:
            return
        lane = driver.lane + int(self._rng.choice([-1, 1]))
        if self._is_lane(lane, driver.direction) and self._has_room(driver, lane, by_lane):
            driver.change = self._lane_change(driver.offset_m, lane)
            driver.lane, driver.left_lane = lane, driver.lane
            by_lane.setdefault(lane, []).append(driver)

    def _maybe_begin_ego_change(self, by_lane: _ByLane) -> None:
        ego, plan = self.ego, self.plan
        if plan.manoeuvre != "change" or self.time_s < plan.time_s or ego.lane != plan.lane or ego.speed_mps < 2:
            return
        lanes = [lane for lane in (ego.lane - 1, ego.lane + 1) if self._is_lane(lane, 1)]
        free = [lane for lane in lanes if self._has_room(ego, lane, by_lane)]
        if free:
            ego.lane = free[self._rng.integers(len(free))]
            ego.change = self._lane_change(ego.offset_m, ego.lane)

    def _is_lane(self, lane: int, direction: int) -> bool:
        return 0 <= lane < self._road.lanes_forward if direction > 0 else -self._road.lanes_backward <= lane < 0

    def _lane_change(self, offset_m: float, lane: int) -> LaneChange:
        return LaneChange(offset_m, self._road.lane_offset(lane), float(self._rng.uniform(2.8, 4.2)))

    def _advance_driver(self, driver: Driver, dt_s: float) -> None:
        driver.speed_mps = max(0.0, driver.speed_mps + driver.acceleration * dt_s)
        driver.drift_rad = self._sideways(driver, dt_s)
        if driver.change is not None and driver.change.progress > _LANE_IS_FREE_AT:
            driver.left_lane = None
        if driver.change is not None and driver.change.done:
            driver.change = None
        driver.station_m += driver.direction * self._station_rate(driver) * dt_s

    def _sideways(self, vehicle: Driver | Ego, dt_s: float) -> float:
        """Moves a vehicle along its lane change and returns the heading relative to its lane that this needs."""
        if vehicle.change is None:
            return 0.0
        vehicle.offset_m, rate = vehicle.change.advance(dt_s, vehicle.speed_mps)
        slope = vehicle.direction * rate / max(vehicle.speed_mps, 0.1)
        return math.asin(min(max(slope, -0.5), 0.5))

    def _station_rate(self, vehicle: Driver | Ego) -> float:
        """Returns the change of the station in m/s; the inside of a bend is shorter than the reference line."""
        stretch = 1 - self._road.curvature(vehicle.station_m) * vehicle.offset_m
        return vehicle.speed_mps * math.cos(vehicle.drift_rad) / max(stretch, 0.3)

    def _advance_ego(self, dt_s: float) -> None:
        ego, turn = self.ego, self.plan.turn
        ego.speed_mps = max(0.0, ego.speed_mps + ego.acceleration * dt_s)
        if turn is not None and ego.turned_m is None and ego.station_m >= turn.start_station_m:
            ego.turned_m = ego.station_m - turn.start_station_m
        if turn is not None and ego.turned_m is not None:
            ego.turned_m += ego.speed_mps * dt_s
            ego.station_m, ego.offset_m, ego.drift_rad = turn.at(ego.turned_m)
        else:
            ego.drift_rad = self._sideways(ego, dt_s)
            if ego.change is not None and ego.change.done:
                ego.change = None
            ego.station_m += self._station_rate(ego) * dt_s
        before = ego.heading_rad
        self._place_ego()
        ego.yaw_rate_radps = (ego.heading_rad - before) / dt_s

    def _place_ego(self) -> None:
        (x, y, _), heading = self._road.position(self.ego.station_m, self.ego.offset_m)
        self.ego.x_m, self.ego.y_m = float(x), float(y)
        self.ego.heading_rad = float(heading) + self.ego.drift_rad
