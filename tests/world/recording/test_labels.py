from __future__ import annotations

import numpy as np

from drivesim.world.pose import CameraPose
from drivesim.world.quads import oriented_boxes
from drivesim.world.recording.labels import label_vehicles
from drivesim.world.scenery.occluders import Occluders, box_occluders, round_occluders
from drivesim.world.vehicles.fleet import fleet
from drivesim.world.vehicles.placement import PlacedVehicle

WIDTH, HEIGHT = 1024, 512
CAMERA = CameraPose(0.0, 0.0, 1.4, 0.0, 0.0, np.radians(58))
CAR = fleet()[0]
NOTHING = Occluders.none()


def car(x: float, y: float, heading: float = 0.0, track: int = 1, model=CAR) -> PlacedVehicle:
    return PlacedVehicle(track, model, x, y, heading, 0.0, (1, 0, 0), (0, 1, 0))


def labels(vehicles, occluders=NOTHING, camera=CAMERA):
    return label_vehicles(camera, vehicles, occluders, WIDTH, HEIGHT)


def wall(x: float, y: float, length: float, width: float, height: float) -> Occluders:
    return box_occluders(oriented_boxes(x, y, 0.0, length, width, 0.0, height))


def test_a_vehicle_in_the_open_is_wholly_visible():
    (label,) = labels([car(20, 0)])
    assert label.visible_fraction == 1.0
    assert label.box == label.amodal_box
    assert abs(label.distance_m - (20 - CAR.half_length_m)) < 0.3
    assert 0 < label.box[0] < WIDTH / 2 < label.box[2] < WIDTH


def test_left_is_left_and_farther_is_smaller():
    left, right = sorted(labels([car(20, 4, track=1), car(40, -4, track=2)]), key=lambda label: label.box[0])
    assert (left.track_id, right.track_id) == (1, 2)
    assert left.box[3] - left.box[1] > right.box[3] - right.box[1]


def test_a_building_in_front_hides_and_one_behind_does_not():
    half = wall(12, 1.5, 2, 3, 8)
    (label,) = labels([car(20, 0)], half)
    assert 0.1 < label.visible_fraction < 0.8
    assert label.box[0] > label.amodal_box[0] + 5
    assert labels([car(20, 0)], wall(12, 0, 2, 12, 8)) == []
    (behind,) = labels([car(20, 0)], wall(30, 0, 2, 12, 8))
    assert behind.visible_fraction == 1.0


def test_a_long_building_along_the_road_hides_nothing_on_the_road():
    facade = wall(40, -14, 100, 10, 12)
    for label in labels([car(x, -6, track=x) for x in (15, 25, 40, 60)], facade):
        assert label.visible_fraction > 0.1
    (label,) = labels([car(25, -6)], facade)
    assert label.visible_fraction == 1.0


def test_tree_crowns_hide():
    crown = round_occluders(np.array([[12.0, 0.0, 1.5]]), np.array([1.5]), np.array([1.5]))
    visible = labels([car(22, 0)], crown)
    assert not visible or visible[0].visible_fraction < 0.5


def test_nearer_vehicles_hide_farther_ones():
    nearest, hidden = labels([car(30, 1.2, track=2), car(12, 0, track=1)])
    assert (nearest.track_id, nearest.visible_fraction) == (1, 1.0)
    assert hidden.track_id == 2
    assert hidden.visible_fraction < 0.6


def test_boxes_stay_in_the_frame_while_amodal_boxes_leave_it():
    (label,) = labels([car(5.5, 3.2)])
    assert label.amodal_box[0] < 0 <= label.box[0]
    assert label.box[2] <= WIDTH
    assert label.box[3] <= HEIGHT
    assert 0 < label.visible_fraction < 1


def test_a_vehicle_across_the_camera_plane_is_clipped_not_mirrored():
    bus = next(model for model in fleet() if model.category == "bus")
    (label,) = labels([car(3, 3.5, model=bus)])
    assert label.box[0] == 0
    assert label.box[2] < WIDTH * 0.75
    assert np.isfinite(label.amodal_box).all()


def test_vehicles_behind_and_far_away_get_no_label():
    assert labels([car(-20, 0)]) == []
    assert labels([car(400, 0)]) == []
    assert labels([]) == []
