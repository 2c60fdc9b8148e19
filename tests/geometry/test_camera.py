from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from drivesim.geometry.camera import PinholeCamera

pitches = st.floats(-0.3, 0.3)


@given(pitches, st.floats(-20, 20), st.floats(5, 200), st.floats(0, 4))
def test_projection_is_that_of_a_rotated_frame(pitch: float, x: float, y: float, z: float) -> None:
    camera = PinholeCamera(pitch_rad=pitch)
    pixel, depth = camera.project(np.array([x, y, z]))
    right, forward, above = Rotation.from_euler("x", -pitch).apply([x, y, z - camera.height_m])
    np.testing.assert_allclose(depth, forward)
    np.testing.assert_allclose(
        pixel, [512 + camera.focal_length_px * right / forward, 256 - camera.focal_length_px * above / forward]
    )


@given(pitches, st.floats(2, 100))
def test_ground_distance_undoes_the_projection_of_the_road(pitch: float, distance: float) -> None:
    camera = PinholeCamera(pitch_rad=pitch)
    (_, row), depth = camera.project(np.array([0.0, distance, 0.0]))
    if depth > 0.1:
        assert camera.ground_distance(row) == pytest.approx(distance, rel=1e-6)


@given(pitches)
def test_far_away_the_road_meets_the_horizon(pitch: float) -> None:
    camera = PinholeCamera(pitch_rad=pitch)
    (_, row), _ = camera.project(np.array([0.0, 1e9, 0.0]))
    assert row == pytest.approx(camera.horizon_px, abs=1e-3)
    assert np.isnan(camera.ground_distance(camera.horizon_px - 1))


def test_the_field_of_view_spans_the_width() -> None:
    camera = PinholeCamera()
    half = np.tan(camera.horizontal_fov_rad / 2)
    pixels, _ = camera.project(np.array([[-half, 1.0, 1.45], [half, 1.0, 1.45]]))
    np.testing.assert_allclose(pixels, [[0, 256], [1024, 256]], atol=1e-9)


def test_behind_the_camera_there_is_no_pixel() -> None:
    pixels, depth = PinholeCamera().project(np.array([0.0, -5.0, 0.0]))
    assert np.isnan(pixels).all()
    assert depth < 0


@pytest.mark.filterwarnings("error")
def test_a_point_hardly_before_the_camera_has_no_pixel() -> None:
    pixel, _ = PinholeCamera(pitch_rad=1e-311).project(np.array([1.0, 0.0, 3.0]))
    assert np.isnan(pixel).all()
