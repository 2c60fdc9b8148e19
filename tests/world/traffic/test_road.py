from __future__ import annotations

import numpy as np
import pytest

from drivesim.world.traffic.road import Road


@pytest.fixture(params=range(8))
def road(request):
    return Road.generate(np.random.default_rng(request.param), 400)


def test_the_same_seed_gives_the_same_road(road):
    again = Road.generate(np.random.default_rng(3), 400)
    other = Road.generate(np.random.default_rng(3), 400)
    np.testing.assert_array_equal(again.x, other.x)
    assert again.side_streets == other.side_streets


def test_the_reference_line_is_sampled_every_metre_and_bends_gently(road):
    step = np.hypot(np.diff(road.x), np.diff(road.y))
    np.testing.assert_allclose(step, 1, atol=1e-9)
    assert np.abs(np.diff(road.heading)).max() <= 0.0151
    assert np.ptp(road.heading) < np.pi


def test_lanes_lie_side_by_side_inside_the_edges(road):
    ours = [road.lane_offset(lane) for lane in range(road.lanes_forward)]
    oncoming = [road.lane_offset(-lane) for lane in range(1, road.lanes_backward + 1)]
    assert all(road.right_edge_m < offset < 0 for offset in ours)
    assert all(0 < offset < road.left_edge_m for offset in oncoming)
    np.testing.assert_allclose(np.diff(ours), -road.lane_width_m)
    np.testing.assert_allclose(np.diff(oncoming), road.lane_width_m)
    assert 3.3 <= road.lane_width_m <= 3.7


def test_offsets_are_metres_to_the_left(road):
    stations = np.linspace(5, 390, 60)
    middle, heading = road.position(stations, 0.0)
    left, _ = road.position(stations, 2.0, 0.5)
    np.testing.assert_allclose(np.linalg.norm((left - middle)[:, :2], axis=1), 2)
    across = np.cos(heading) * (left - middle)[:, 1] - np.sin(heading) * (left - middle)[:, 0]
    np.testing.assert_allclose(across, 2)
    np.testing.assert_allclose(left[:, 2], 0.5)


def test_strips_and_patches_face_up(road):
    strip = road.strip(np.arange(0, 50, 5.0), np.array([-3.0, 0, 3]))
    assert strip.shape == (18, 4, 3)
    patches = road.patches(np.arange(5.0), np.arange(5) + 0.5, -1, 1)
    assert patches.shape == (5, 4, 3)
    for quads in (strip, patches):
        assert (np.cross(quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0])[:, 2] > 0).all()


def test_side_streets_meet_the_road_where_it_is_straight(road):
    for street in road.side_streets:
        assert abs(road.curvature(street.station_m)) < 1e-9
        side = street.side or 1
        assert road.in_side_street(street.station_m, side)
        assert bool(road.in_side_street(street.station_m, -side)) == (street.side == 0)
        assert not road.in_side_street(street.station_m + street.half_width_m + 0.1, side)
        assert road.in_side_street(street.station_m + street.half_width_m + 0.1, side, margin_m=0.2)
