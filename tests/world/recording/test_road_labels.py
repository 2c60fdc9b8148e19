"""Labelled lines lie on painted lines, and vehicles have the heading and the colour that a picture shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.scenario.schema.vocabulary import COLOURS
from drivesim.world.pose import CameraPose
from drivesim.world.recording.labels import label_vehicles
from drivesim.world.recording.road_labels import RoadLabeller
from drivesim.world.rendering.projection import camera_coordinates, to_pixels
from drivesim.world.scenery.occluders import Occluders
from drivesim.world.scenery.scenery import build_scenery
from drivesim.world.traffic.road import Road
from drivesim.world.vehicles.colours import coarse_colour, colour_name
from drivesim.world.vehicles.fleet import BUS_PALETTE, PALETTE, fleet
from drivesim.world.vehicles.placement import PlacedVehicle

WIDTH, HEIGHT = 1024, 512


def on_lane(road: Road, station: float, turned: float = 0.0) -> CameraPose:
    (x, y, _), heading = road.position(station, road.lane_offset(0))
    return CameraPose(float(x), float(y), 1.4, float(heading) + turned, -0.02, 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_every_labelled_lane_line_lies_on_paint_and_all_paint_of_the_road_is_labelled(seed: int) -> None:
    road = Road.generate(np.random.default_rng(seed), 420)
    markings = build_scenery(road, np.random.default_rng(seed)).markings
    camera = on_lane(road, 80 + 20 * seed, 0.1 - 0.05 * seed)
    painted = np.zeros((HEIGHT, WIDTH), np.uint8)
    for line in markings.lines:
        right, left = line.offset_m - line.width_m / 2, line.offset_m + line.width_m / 2
        for quad in road.patches(line.start_m, line.start_m + line.piece_m, right, left):
            ahead = camera_coordinates(quad, camera)
            if (ahead[:, 2] > 1).all() and (ahead[:, 2] < 60).all():
                cv2.fillConvexPoly(painted, to_pixels(ahead, camera, WIDTH, HEIGHT).round().astype(np.int32), 255)
    labelled = np.zeros_like(painted)
    for element in RoadLabeller(road, markings, WIDTH, HEIGHT).label(camera):
        if element.kind == "lane_line":
            cv2.polylines(labelled, [np.round(element.points).astype(np.int32)], False, 255, 1)
    rows = np.arange(HEIGHT) > HEIGHT / 2 + 50  # nearer than about 25 m, where side streets are seldom in view
    near_paint = cv2.dilate(painted, np.ones((5, 5), np.uint8)) > 0
    near_label = cv2.dilate(labelled, np.ones((1, 61), np.uint8)) > 0
    assert (labelled[rows] > 0).sum() > 50
    assert near_paint[rows][labelled[rows] > 0].mean() > 0.9
    assert near_label[rows][painted[rows] > 0].mean() > 0.97


def test_edges_and_areas_end_where_the_road_does() -> None:
    road = Road.generate(np.random.default_rng(2), 420)
    markings = build_scenery(road, np.random.default_rng(2)).markings
    camera = on_lane(road, 60)
    elements = RoadLabeller(road, markings, WIDTH, HEIGHT).label(camera)
    area = np.zeros((HEIGHT, WIDTH), np.uint8)
    for element in elements:
        if element.kind == "drivable_area":
            cv2.fillPoly(area, [np.round(element.points).astype(np.int32)], 1)
    for distance, offset, inside in ((12.0, road.right_edge_m + 1, True), (12.0, road.right_edge_m - 1, False)):
        point = camera_coordinates(road.position(60 + distance, offset)[0][None], camera)
        x, y = to_pixels(point, camera, WIDTH, HEIGHT)[0].astype(int)
        if 0 <= x < WIDTH and 0 <= y < HEIGHT:
            assert bool(area[y, x]) == inside
    assert {element.kind for element in elements} == {"lane_line", "road_edge", "drivable_area"}


def vehicle(x: float, y: float, heading: float, name: str = "sedan") -> PlacedVehicle:
    model = next(model for model in fleet() if model.name == name)
    return PlacedVehicle(1, model, x, y, heading, 0.0, (0.7, 0.08, 0.08), (0.88, 0.88, 0.87))


@pytest.mark.parametrize(
    ("heading", "expected"), [(0.0, 0.0), (np.pi, np.pi), (np.pi / 2, np.pi / 2), (-np.pi / 2, -np.pi / 2)]
)
def test_headings_are_relative_to_the_line_of_sight(heading: float, expected: float) -> None:
    camera = CameraPose(0.0, 0.0, 1.4, 0.0, 0.0, 1.0)
    for side in (0.0, 3.0, -3.0):
        (label,) = label_vehicles(camera, [vehicle(15.0, side, heading)], Occluders.joined([]), WIDTH, HEIGHT)
        turned = expected - np.arctan2(side, 15.0)
        assert label.heading_rad is not None
        assert np.cos(label.heading_rad - turned) == pytest.approx(1, abs=1e-5)
        assert label.colour == "red"


def test_a_truck_has_the_colour_of_its_box_and_a_car_that_of_its_body() -> None:
    assert coarse_colour(vehicle(0, 0, 0, "lorry")) == "white"
    assert coarse_colour(vehicle(0, 0, 0, "sedan")) == "red"


@pytest.mark.parametrize("palette", [PALETTE, BUS_PALETTE])
def test_shades_of_a_paint_have_one_name(palette: tuple[tuple[float, float, float], ...]) -> None:
    for paint in palette:
        names = {colour_name(tuple(min(1.0, shade * c) for c in paint)) for shade in (0.88, 0.95, 1.0, 1.04)}
        assert len(names) == 1, paint


def test_every_coarse_colour_is_in_traffic() -> None:
    assert {colour_name(paint) for paint in PALETTE} >= set(COLOURS)
