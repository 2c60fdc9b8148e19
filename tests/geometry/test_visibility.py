from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.cuboids import corners, footprint, projected, rectangles_overlap, seen_from
from drivesim.geometry.visibility import sights

CAMERA = PinholeCamera(height_m=1.45, pitch_rad=-0.0122)


def square(x: float, y: float, side: float = 10) -> np.ndarray:
    return np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], float)


def by_matrix(point: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    """The textbook way: K [R | t] on homogeneous coordinates, camera axes right, down, forward."""
    focal = camera.width_px / (2 * np.tan(camera.horizontal_fov_rad / 2))
    intrinsic = np.array([[focal, 0, camera.width_px / 2], [0, focal, camera.height_px / 2], [0, 0, 1]])
    level = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    cos, sin = np.cos(camera.pitch_rad), np.sin(camera.pitch_rad)
    tilt = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
    rotation = tilt @ level
    pose = np.column_stack([rotation, -rotation @ [0, 0, camera.height_m]])
    u, v, w = intrinsic @ pose @ np.append(point, 1)
    return np.array([u / w, v / w])


@given(
    st.floats(-8, 8), st.floats(12, 150), st.floats(-np.pi, np.pi), st.floats(0.8, 2.5), st.floats(-0.2, 0.2),
    st.floats(0.5, 1.8),
)  # fmt: skip
def test_the_box_around_a_vehicle_is_that_of_an_independent_pinhole(
    x: float, y: float, heading: float, height: float, pitch: float, fov: float
) -> None:
    camera = PinholeCamera(height_m=height, pitch_rad=pitch, horizontal_fov_rad=fov)
    length, width, tall = 4.6, 1.9, 1.5
    expected = []
    for along in (-length / 2, length / 2):
        for right in (-width / 2, width / 2):
            for up in (0.0, tall):
                place = np.array([x, y]) + along * np.array([-np.sin(heading), np.cos(heading)])
                place = place + right * np.array([np.cos(heading), np.sin(heading)])
                expected.append(by_matrix(np.append(place, up), camera))
    pixels = projected(corners(np.array([x, y]), heading, (length, width, tall)), camera)
    np.testing.assert_allclose(pixels.min(0), np.min(expected, axis=0), atol=1e-6)
    np.testing.assert_allclose(pixels.max(0), np.max(expected, axis=0), atol=1e-6)


def test_a_viewer_that_moves_and_turns_sees_what_a_still_one_would() -> None:
    points = corners(np.array([3.0, 20.0]), 0.4, (4.6, 1.9, 1.5))
    moved = corners(np.array([3.0 + 5, 20.0 - 7]), 0.4, (4.6, 1.9, 1.5))
    np.testing.assert_allclose(seen_from(moved, np.array([5.0, -7.0]), 0.0), points)
    ahead = seen_from(np.array([[-10.0, 0.0, 1.0]]), np.zeros(2), np.pi / 2)
    np.testing.assert_allclose(ahead, [[0, 10, 1]], atol=1e-12)


def test_a_vehicle_beside_the_camera_is_cut_at_the_near_plane_and_one_behind_is_not_there() -> None:
    beside = projected(corners(np.array([-3.0, 1.0]), 0.0, (4.6, 1.9, 1.5)), CAMERA)
    assert np.isfinite(beside).all()
    assert beside[:, 0].max() < 512
    assert projected(corners(np.array([0.0, -10.0]), 0.0, (4.6, 1.9, 1.5)), CAMERA) is None


def test_the_nearer_hides_and_the_frame_cuts() -> None:
    front, behind, cut = sights([square(0, 0), square(5, 0), square(95, 20)], 100, 100)
    assert (front.visible_fraction, front.visible_box) == (1, (0, 0, 10, 10))
    assert behind.visible_fraction == pytest.approx(0.5)
    assert (behind.visible_box, behind.amodal_box) == ((10, 0, 15, 10), (5, 0, 15, 10))
    assert cut.visible_fraction == pytest.approx(0.5)
    assert (cut.visible_box, cut.amodal_box) == ((95, 20, 100, 30), (95, 20, 105, 30))


def test_what_is_hidden_or_outside_has_no_visible_box() -> None:
    _, hidden, outside = sights([square(0, 0), square(2, 2, 5), square(200, 0)], 100, 100)
    for sight in (hidden, outside):
        assert (sight.visible_box, sight.visible_fraction) == (None, 0)


@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-np.pi, np.pi))
def test_overlap_is_symmetric_and_knows_the_obvious(x: float, y: float, heading: float) -> None:
    first = footprint(np.zeros(2), np.array(0.0), 4.6, 1.9)
    second = footprint(np.array([x, y]), np.array(heading), 4.6, 1.9)
    overlap = bool(rectangles_overlap(first, second))
    assert overlap == bool(rectangles_overlap(second, first))
    if np.hypot(x, y) < 1.9:
        assert overlap
    if np.hypot(x, y) > np.hypot(4.6, 1.9):
        assert not overlap
