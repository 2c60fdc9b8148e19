"""Crop and resize move frames, boxes, masks and camera in the same way."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.data.ingest.placement import Placement
from drivesim.data.ingest.recording import SourceCamera, SourceVehicle
from drivesim.errors import FootageError
from drivesim.geometry.camera import PinholeCamera

SOURCES = [(1080, 1920), (480, 640), (375, 1242), (2160, 3840), (721, 1283), (512, 1024)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_the_crop_is_the_largest_inside(source: tuple[int, int], place: tuple[float, float]) -> None:
    placement = Placement.of(source, 1024, *place)
    assert placement.columns == 2 * placement.rows
    assert placement.width == 2 * placement.height
    assert placement.width <= min(1024, placement.columns)
    assert placement.left >= 0
    assert placement.left + placement.columns <= source[1]
    assert placement.top >= 0
    assert placement.top + placement.rows <= source[0]
    assert placement.rows + 2 > min(source[0], source[1] // 2)


@pytest.mark.parametrize("source", SOURCES)
def test_a_box_stays_on_its_pixels(source: tuple[int, int]) -> None:
    """A bright rectangle is where the box around it is, in whatever source."""
    placement = Placement.of(source, 1024, 0.3, 0.7)
    x0, y0 = placement.left + placement.columns // 4, placement.top + placement.rows // 4
    x1, y1 = x0 + placement.columns // 3, y0 + placement.rows // 2
    frame = np.zeros((*source, 3), np.uint8)
    frame[y0:y1, x0:x1] = 255
    rows, columns = np.nonzero(placement.frame(frame)[..., 0] > 127)
    label = placement.vehicle(SourceVehicle(7, "bus", (x0, y0, x1, y1), visible_fraction=0.5))
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert label.box == pytest.approx(seen, abs=1)
    assert (label.track_id, label.category, label.visible_fraction) == (7, "bus", 0.5)


def test_what_the_crop_cuts_off_is_not_visible() -> None:
    placement = Placement.of((480, 640), 1024)
    assert (placement.top, placement.rows) == (80, 320)
    half_above = SourceVehicle(1, "car", (100, 40, 200, 120), visible_fraction=0.8)
    label = placement.vehicle(half_above)
    assert label.box == (100, 0, 200, 40)
    assert label.amodal_box == (100, -40, 200, 40)
    assert label.visible_fraction == pytest.approx(0.4)
    assert placement.vehicle(SourceVehicle(1, "car", (100, 10, 200, 78))) is None
    assert placement.vehicle(SourceVehicle(1, "car", (100, 100, 102, 200))) is None


def test_a_mask_moves_along() -> None:
    placement = Placement.of((1080, 1920), 1024)
    used = np.ones((1080, 1920), bool)
    used[900:] = False
    moved = placement.mask(used)
    assert moved.shape == (512, 1024)
    first_hidden = np.flatnonzero(~moved.any(1))[0]
    assert first_hidden == pytest.approx((900 - placement.top) * placement.scale, abs=1)


def test_the_camera_sees_the_road_where_it_was() -> None:
    """Points of the road, projected by the source's camera and moved, are where the log's camera projects them."""
    height, width, focal, centre_y, pitch = 1080, 1920, 1500.0, 560.0, np.deg2rad(-2.0)
    placement = Placement.of((height, width), 1024, vertical=0.9)
    label = placement.camera(SourceCamera(focal, centre_y, 1.5, pitch))
    points = np.array([[0.0, 40, 0], [0, 200, 0], [3, 60, 0], [-3, 60, 0]])
    cos, sin = np.cos(pitch), np.sin(pitch)
    depth = points[:, 1] * cos + (points[:, 2] - 1.5) * sin
    down = points[:, 1] * sin - (points[:, 2] - 1.5) * cos
    source = np.stack([width / 2 + focal * points[:, 0] / depth, centre_y + focal * down / depth], -1)
    moved = (source - [placement.left, placement.top]) * placement.scale
    camera = PinholeCamera(placement.width, placement.height, label.horizontal_fov_rad, label.height_m, label.pitch_rad)
    assert np.abs(camera.project(points)[0] - moved).max() < 1.5


def test_small_sources_are_refused() -> None:
    with pytest.raises(FootageError, match="200×120 pixels; expected at least 256×128"):
        Placement.of((120, 200), 1024)
