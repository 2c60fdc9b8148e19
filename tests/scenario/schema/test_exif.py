"""Photos in all eight orientations, and what else phones write."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from drivesim.errors import InputError
from drivesim.scenario import read_picture
from drivesim.scenario.schema.exif import exif_orientation, upright

SIDEWAYS = (5, 6, 7, 8)


def photo(width: int, height: int, orientation: int | None, format: str = "JPEG") -> bytes:
    """A picture with another colour in each quarter, and perhaps an orientation."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 220, 30)
    pixels[height // 2 :, : width // 2] = (30, 30, 220)
    exif, file = Image.Exif(), io.BytesIO()
    if orientation is not None:
        exif[274] = orientation
    Image.fromarray(pixels).save(file, format, exif=exif, **({"quality": 95} if format == "JPEG" else {}))
    return file.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_a_picture_is_read_as_viewers_show_it(tmp_path: Path, orientation: int | None, format: str) -> None:
    size = (256, 512) if orientation in SIDEWAYS else (512, 256)
    (tmp_path / "a").write_bytes(photo(*size, orientation, format))
    shown = np.array(ImageOps.exif_transpose(Image.open(tmp_path / "a")).convert("RGB"))
    read = read_picture(tmp_path / "a")
    assert read.shape == (256, 512, 3) == shown.shape
    assert np.abs(read.astype(int) - shown).mean() < 3


@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_a_picture_of_another_shape_is_refused_as_it_is_seen(tmp_path: Path, orientation: int | None) -> None:
    size = (512, 256) if orientation in SIDEWAYS else (256, 512)
    (tmp_path / "a.jpg").write_bytes(photo(*size, orientation))
    with pytest.raises(InputError, match="expected a picture twice as wide as high, got 256×512"):
        read_picture(tmp_path / "a.jpg")


@given(st.integers(1, 5), st.integers(0, 3))
def test_fill_bytes_before_any_marker_are_skipped(count: int, which: int) -> None:
    content = photo(512, 256, 6)
    positions = [2]
    for _ in range(3):
        positions.append(positions[-1] + 2 + int.from_bytes(content[positions[-1] + 2 : positions[-1] + 4], "big"))
    filled = content[: positions[which]] + b"\xff" * count + content[positions[which] :]
    assert exif_orientation(filled) == 6


def test_a_picture_with_fill_bytes_is_read(tmp_path: Path) -> None:
    content = photo(512, 256, None)
    (tmp_path / "a.jpg").write_bytes(content[:2] + b"\xff\xff" + content[2:])
    assert read_picture(tmp_path / "a.jpg").shape == (256, 512, 3)


@given(st.integers(1, 8))
def test_turning_keeps_every_pixel(orientation: int) -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    image = Image.fromarray(pixels)
    image.getexif()[274] = orientation
    np.testing.assert_array_equal(upright(pixels, orientation), np.array(ImageOps.exif_transpose(image)))


@given(st.binary(max_size=200), st.integers(0, 60))
def test_broken_exif_means_upright(noise: bytes, at: int) -> None:
    content = bytearray(photo(512, 256, 6)[:400])
    content[at : at + len(noise)] = noise
    assert 1 <= exif_orientation(bytes(content)) <= 8
    assert exif_orientation(noise) == 1 or noise[:2] in (b"\xff\xd8", b"\x89P")


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_heic_is_named_with_the_way_out(tmp_path: Path, brand: bytes) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0" * 40)
    with pytest.raises(InputError, match="HEIC and AVIF pictures are not supported; save it as JPEG"):
        read_picture(tmp_path / "a.heic")
