"""What a frame shows of lines and areas on the ground lies where the camera projects it, and inside the frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.ground_view import GroundShapes, in_view

CAMERA = PinholeCamera()
HERE = np.zeros(2)


def line(*places: tuple[float, float]) -> GroundShapes:
    return GroundShapes.of([(5, np.array(places))], [])


def test_a_line_in_view_is_projected_point_by_point() -> None:
    places = np.array([(0.5, 10.0), (1.5, 20.0), (0.5, 40.0)])
    seen = in_view(line(*map(tuple, places)), HERE, 0.0, CAMERA)
    expected, _ = CAMERA.project(np.column_stack([places, np.zeros(3)]))
    assert seen.kind.tolist() == [5]
    np.testing.assert_allclose(seen.points[0], expected, atol=1e-6)


def test_a_line_that_passes_the_camera_ends_at_the_border_of_the_frame() -> None:
    seen = in_view(line((1.75, -20.0), (1.75, 100.0)), HERE, 0.0, CAMERA)
    (points,) = seen.points
    assert points[:, 1].max() == pytest.approx(CAMERA.height_px)
    assert points[:, 1].min() > CAMERA.horizon_px


def test_a_line_behind_the_camera_or_beside_the_frame_is_not_in_view() -> None:
    assert in_view(line((0.0, -5.0), (0.0, -50.0)), HERE, 0.0, CAMERA).points == []
    assert in_view(line((50.0, 5.0), (60.0, 5.0)), HERE, 0.0, CAMERA).points == []


def test_turning_the_camera_moves_the_line_the_other_way() -> None:
    straight = line((0.0, 10.0), (0.0, 60.0))
    middle = [in_view(straight, HERE, heading, CAMERA).points[0][:, 0].mean() for heading in (-0.1, 0.0, 0.1)]
    assert middle[0] < middle[1] < middle[2], "a camera that turns left sees the line farther right"


def test_what_a_border_cuts_into_parts_stays_one_kind() -> None:
    there_and_back = line((-1.0, 12.0), (-40.0, 14.0), (-40.0, 20.0), (-1.0, 22.0))
    seen = in_view(there_and_back, HERE, 0.0, CAMERA)
    assert seen.kind.tolist() == [5, 5]


@given(
    heading=st.floats(-3.1, 3.1),
    pitch=st.floats(-0.1, 0.1),
    place=st.tuples(st.floats(-8, 8), st.floats(-30, 30)),
)
def test_everything_lies_inside_the_frame(heading: float, pitch: float, place: tuple[float, float]) -> None:
    camera = PinholeCamera(pitch_rad=pitch)
    area = np.array([(-5.0, -40.0), (5.0, -40.0), (5.0, 90.0), (-5.0, 90.0)])
    seen = in_view(GroundShapes.of([(0, area)], [(1, area)]), np.array(place), heading, camera)
    for points in seen.points:
        assert (points >= -1e-6).all()
        assert (points <= (camera.width_px + 1e-6, camera.height_px + 1e-6)).all()
