"""Boxes come back from the detector's input to the pixels of the picture that they were found in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivesim.detection.onnx.placement import Placement, input_tensor
from drivesim.detection.onnx.settings import DetectorSettings

SIDES = st.integers(32, 700)
FITS = st.sampled_from(["letterbox", "top_left", "stretch"])


@given(picture=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), fit=FITS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_boxes_round_trip(picture: tuple[int, int], size: tuple[int, int], fit: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.7, (5, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.01, 0.3, (5, 2))], 1)
    placed = Placement.of(picture, size, fit)
    extent, corner = [placed.columns, placed.rows] * 2, [placed.left, placed.top] * 2
    assert np.allclose(placed.to_picture(boxes * extent + corner), boxes)
    assert placed.left + placed.columns <= size[1]
    assert placed.top + placed.rows <= size[0]
    if fit != "stretch":
        assert placed.columns == size[1] or placed.rows == size[0]
        across, down = placed.columns / picture[1], placed.rows / picture[0]
        assert abs(across - down) <= 0.5 / min(picture) + 1e-9
    if fit == "letterbox":
        assert abs(2 * placed.left + placed.columns - size[1]) <= 1
        assert abs(2 * placed.top + placed.rows - size[0]) <= 1


@given(picture=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), fit=FITS)
@settings(max_examples=60, deadline=None)
def test_a_bright_part_lies_where_its_box_says(picture: tuple[int, int], size: tuple[int, int], fit: str) -> None:
    height, width = picture
    frame = np.zeros((height, width, 3), np.uint8)
    box = np.array([width // 4, height // 4, 3 * width // 4, 3 * height // 4])
    frame[box[1] : box[3], box[0] : box[2]] = 255
    placed = Placement.of(picture, size, fit)
    assume(min(placed.columns, placed.rows) >= 16)
    bright = placed.placed(frame, 0)[..., 0] > 127
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    found = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], float)
    pixels = placed.to_picture(found)[0] * [width, height, width, height]
    across, down = width / placed.columns, height / placed.rows
    assert np.abs(pixels - box).max() <= max(1.0, across, down)


def test_padding_surrounds_a_letterboxed_picture() -> None:
    placed = Placement.of((50, 100), (64, 64), "letterbox")
    canvas = placed.placed(np.zeros((50, 100, 3), np.uint8), 114)
    assert (canvas[:16] == 114).all()
    assert (canvas[48:] == 114).all()
    assert (canvas[16:48] == 0).all()


def test_what_lies_in_the_padding_is_cut_off() -> None:
    placed = Placement.of((50, 100), (64, 64), "letterbox")
    assert placed.to_picture(np.array([[-5.0, 0.0, 32.0, 64.0]])).tolist() == [[0.0, 0.0, 0.5, 1.0]]


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_channels_and_normalisation(channels: str, dtype: type) -> None:
    said = {"layout": "yolov8", "classes": {"car": (2,)}, "channels": channels, "fit": "stretch"}
    chosen = DetectorSettings(**said, divide_by=255.0, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))
    frame = np.broadcast_to(np.array([255, 51, 102], np.uint8), (32, 32, 3))
    tensor = input_tensor(frame, Placement.of((32, 32), (32, 32), "stretch"), chosen, np.dtype(dtype))
    values = [1.0, 0.2, 0.4] if channels == "rgb" else [0.4, 0.2, 1.0]
    expected = [(values[0] - 0.5) / 0.2, (values[1] - 0.4) / 0.25, (values[2] - 0.3) / 0.5]
    assert tensor.shape == (1, 3, 32, 32)
    assert tensor.dtype == dtype
    assert np.allclose(tensor[0].mean((1, 2), dtype=np.float64), expected, atol=2e-3)


def test_bytes_stay_bytes() -> None:
    chosen = DetectorSettings(layout="yolov8", classes={"car": (2,)})
    frame = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    tensor = input_tensor(frame, Placement.of((32, 48), (32, 48), "stretch"), chosen, np.dtype(np.uint8))
    assert np.array_equal(tensor[0].transpose(1, 2, 0), frame)
