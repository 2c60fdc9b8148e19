from __future__ import annotations

import numpy as np
import pytest

from drivesim.world.traffic.following import LaneChange, following_acceleration
from drivesim.world.traffic.population import Driver
from drivesim.world.traffic.road import Road
from drivesim.world.traffic.traffic import Traffic

SEEDS = range(12)


def make(seed: int, num_vehicles: int = 12) -> tuple[Road, Traffic]:
    rng = np.random.default_rng(seed)
    road = Road.generate(rng, 420)
    return road, Traffic(road, rng, num_vehicles)


def drive(traffic: Traffic, seconds: float = 4.0, dt_s: float = 0.1):
    for _ in range(round(seconds / dt_s)):
        traffic.step(dt_s)
        yield traffic


def touch(a: Driver, b: Driver) -> bool:
    return (
        abs(a.station_m - b.station_m) < a.half_length_m + b.half_length_m - 0.1
        and abs(a.offset_m - b.offset_m) < a.model.half_width_m + b.model.half_width_m - 0.5
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_drives_through_anybody(seed):
    _, traffic = make(seed, 20)
    for now in drive(traffic):
        drivers = now._drivers
        assert not any(touch(a, b) for i, a in enumerate(drivers) for b in drivers[i + 1 :])
        for driver in drivers:
            near = abs(driver.station_m - now.ego.station_m) < driver.half_length_m + now.ego.half_length_m
            assert not (near and abs(driver.offset_m - now.ego.offset_m) < 1.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_faces_the_way_that_it_moves(seed):
    _, traffic = make(seed)
    before = {v.track_id: v for v in traffic.vehicles}
    for now in drive(traffic):
        for vehicle in now.vehicles:
            then = before.get(vehicle.track_id)
            if then is None or vehicle.speed_mps < 2:
                continue
            moved = np.arctan2(vehicle.y_m - then.y_m, vehicle.x_m - then.x_m)
            assert abs(np.angle(np.exp(1j * (moved - vehicle.heading_rad)))) < 0.06
        before = {v.track_id: v for v in now.vehicles}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ego_moves_smoothly_along_its_heading(seed):
    _, traffic = make(seed)
    x, y, heading = traffic.ego.x_m, traffic.ego.y_m, traffic.ego.heading_rad
    for now in drive(traffic, dt_s=0.05):
        ego = now.ego
        step = np.hypot(ego.x_m - x, ego.y_m - y)
        assert step == pytest.approx(ego.speed_mps * 0.05, rel=0.05, abs=0.005)
        if step > 0.05:
            assert abs(np.angle(np.exp(1j * (np.arctan2(ego.y_m - y, ego.x_m - x) - ego.heading_rad)))) < 0.06
        assert ego.yaw_rate_radps == pytest.approx((ego.heading_rad - heading) / 0.05, abs=1e-6)
        assert abs(ego.yaw_rate_radps) < 1.6
        x, y, heading = ego.x_m, ego.y_m, ego.heading_rad


def test_traffic_keeps_to_its_side():
    for seed in SEEDS:
        road, traffic = make(seed)
        for now in drive(traffic, 1.0):
            for driver in now._drivers:
                assert (driver.offset_m < 0) == (driver.direction > 0)
                assert road.right_edge_m < driver.offset_m < road.left_edge_m


def test_the_same_seed_gives_the_same_traffic():
    for seed in SEEDS:
        (_, one), (_, two) = make(seed), make(seed)
        one.step(1.3), two.step(1.3)
        assert one.vehicles == two.vehicles
        assert one.ego == two.ego
    assert make(1)[1].vehicles != make(2)[1].vehicles


def test_all_manoeuvres_happen():
    egos = [make(seed, 0)[1] for seed in range(60)]
    assert {traffic.plan.manoeuvre for traffic in egos} == {"keep", "change", "brake", "turn"}
    headings = []
    for traffic in (traffic for traffic in egos if traffic.plan.turn is not None):
        start = traffic.ego.heading_rad
        traffic.step(6)
        headings.append(traffic.ego.heading_rad - start)
    assert max(headings) > 1.2
    assert min(headings) < -1.2


def test_an_empty_world_and_a_full_one():
    assert make(0, 0)[1].vehicles == []
    assert max(len(make(seed, 20)[1].vehicles) for seed in SEEDS) == 20


def test_followers_brake_for_what_is_slow_and_near():
    assert following_acceleration(10, 10, np.inf, 0) == pytest.approx(0)
    assert following_acceleration(5, 10, np.inf, 0) > 1
    assert following_acceleration(10, 12, 8, 5) < -2
    assert following_acceleration(0, 12, 1.0, 0) < 0


def test_a_lane_change_ends_where_it_should_and_waits_while_the_vehicle_stands():
    change = LaneChange(0.0, 3.5, 3.0)
    assert change.advance(1.0, 0.0) == (0.0, 0.0)
    offsets = [change.advance(0.05, 10.0)[0] for _ in range(60)]
    assert change.done
    assert offsets[-1] == pytest.approx(3.5)
    assert (np.diff(offsets) >= 0).all()
