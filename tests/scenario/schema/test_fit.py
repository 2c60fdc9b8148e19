"""Photos of other shapes become frames: by cropping, which loses edges, or by padding, which loses nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.errors import InputError, ScenarioError
from drivesim.scenario import load_scenario, parse_scenario, read_picture
from drivesim.scenario.schema.fit import fitted, fitted_size, has_shape_of_frames

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 60))


@given(SIZES, st.sampled_from(["crop", "pad"]))
def test_any_picture_becomes_twice_as_wide_as_high(size: tuple[int, int], fit: str) -> None:
    width, height = size
    made = fitted(np.ones((height, width, 3), np.uint8), fit)
    assert made.shape[1::-1] == fitted_size(width, height, fit)
    if fit == "pad":
        assert has_shape_of_frames(*made.shape[1::-1])
        assert made.sum() == 3 * width * height  # every pixel is kept, and bars are black
    else:
        assert made.shape[0] <= height
        assert made.shape[1] <= width
        assert made.size == 0 or has_shape_of_frames(*made.shape[1::-1])
        assert made.all()


@pytest.mark.parametrize(("height", "width"), [(180, 320), (240, 320), (100, 320)])
def test_the_middle_stays_in_the_middle(height: int, width: int) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2] = 9
    for fit in ("crop", "pad"):
        made = fitted(picture, fit)
        rows, columns = np.nonzero(made[..., 0])
        assert rows.mean() + 0.5 == made.shape[0] / 2
        assert columns.mean() + 0.5 == made.shape[1] / 2


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of 4:3."""
    cv2.imwrite(str(tmp_path / "photo.png"), np.full((480, 640, 3), 100, np.uint8))
    return tmp_path / "photo.png"


def _scenario(photo: Path, fit: str) -> Path:
    file = photo.with_name("a.yaml")
    file.write_text(f"format: 1\nname: a\nfirst_frame: photo.png\n{fit}")
    return file


def test_a_photo_is_used_as_the_scenario_says(photo: Path) -> None:
    with pytest.raises(ScenarioError, match=r"twice as wide as high, got 640×480; .*`fit: crop` or `fit: pad`"):
        load_scenario(_scenario(photo, ""))
    assert read_picture(photo, "crop").shape == (320, 640, 3)
    assert read_picture(photo, "pad").shape == (480, 960, 3)
    identities = [load_scenario(_scenario(photo, f"fit: {fit}\n")).canonical() for fit in ("crop", "pad")]
    assert identities[0] != identities[1]


def test_what_is_left_of_a_small_photo_must_be_large_enough(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((200, 250, 3), np.uint8))
    with pytest.raises(InputError, match="256×128 pixels, got 250×200, 250×125 after `fit: crop`"):
        read_picture(tmp_path / "small.png", "crop")
    assert read_picture(tmp_path / "small.png", "pad").shape == (200, 400, 3)


def test_fit_without_a_picture_is_a_mistake() -> None:
    with pytest.raises(ScenarioError, match="2:6: `fit` is for `first_frame`"):
        parse_scenario(b"format: 1\nfit: crop\nname: a\n")
    assert "fit" not in parse_scenario(b"format: 1\nname: a\n").canonical()
