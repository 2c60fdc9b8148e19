"""The detector of painted lines finds them, measures how far they moved, and finds none on bare asphalt."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.evaluation.lane_lines import LinePlaces, line_errors
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import ROAD_KINDS

LINE = np.array([(0.5, 0.5), (0.3, 1.0)], np.float32)
ROAD = RoadView(np.array([ROAD_KINDS.index("lane_line")]), np.array([2]), LINE)
NO_VEHICLES = np.zeros((0, 4))


def asphalt(height: int, moved_px_of_1024: float | None) -> np.ndarray:
    """Grey asphalt with noise, and a white line as far to the right of `LINE`."""
    noise = np.random.default_rng(0).normal(90, 2, (height, 2 * height, 1))
    frame = np.repeat(noise.clip(0, 255), 3, 2).astype(np.uint8)
    if moved_px_of_1024 is not None:
        points = (LINE + np.array([moved_px_of_1024 / 1024, 0])) * (2 * height, height) - 0.5
        thickness = max(1, round(height / 64))
        cv2.polylines(
            frame, [(points * 16).round().astype(np.int32)], False, (220, 220, 220), thickness, cv2.LINE_AA, 4
        )
    return frame


@pytest.mark.parametrize("height", [128, 256, 512])
@pytest.mark.parametrize("moved", [0.0, 8.0, -12.0])
def test_the_error_is_how_far_the_line_moved(height: int, moved: float) -> None:
    places = LinePlaces.of(ROAD, NO_VEHICLES)
    errors = line_errors(asphalt(height, moved), places) * 1024
    assert len(errors) > 15
    assert np.isfinite(errors).mean() > 0.9
    assert np.nanmedian(errors) == pytest.approx(abs(moved), abs=3)


def test_bare_asphalt_and_lines_far_away_are_not_found() -> None:
    places = LinePlaces.of(ROAD, NO_VEHICLES)
    for frame in (asphalt(128, None), asphalt(128, 60.0)):
        assert np.isnan(line_errors(frame, places)).all()


def test_places_behind_vehicles_do_not_count() -> None:
    hidden = LinePlaces.of(ROAD, np.array([[0.0, 0.0, 1.0, 0.8]]))
    everywhere = LinePlaces.of(ROAD, NO_VEHICLES)
    assert 0 < len(hidden) < len(everywhere)
    assert hidden.y.min() > 0.8


def test_places_lie_on_the_line() -> None:
    places = LinePlaces.of(ROAD, NO_VEHICLES)
    np.testing.assert_allclose(places.x, 0.5 - 0.4 * (places.y - 0.5), atol=1e-6)
