"""Pictures that a client sends, and the names it gets for them."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.errors import InputError
from ui import pictures as module
from ui.pictures import Pictures


def png(height: int, width: int) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), 80, np.uint8))[1].tobytes()


def test_an_upload_is_kept_by_its_content(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    name = pictures.add_upload(png(512, 1024))
    assert pictures.add_upload(png(512, 1024)) == name
    assert name in pictures
    assert cv2.imread(str(pictures.path(name))).shape == (512, 1024, 3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + bytes(64),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png(512, 1024)[:200],
        png(512, 512),
        b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 60_000, 30_000) + bytes(64),
        bytes(module.MAX_UPLOAD_BYTES + 1),
    ],
)
def test_what_is_no_small_png_of_a_frame_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        Pictures(tmp_path).add_upload(content)
    assert str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "photo-xyz.png", "", ".", "photo-0123456789abcdef.png\n"]
)
def test_no_other_name_is_known(tmp_path: Path, name: str) -> None:
    (tmp_path.parent / "secret.png").write_bytes(png(512, 1024))
    with pytest.raises(InputError):
        Pictures(tmp_path).path(name)


def test_the_folder_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PICTURES", 2)
    pictures = Pictures(tmp_path)
    for shade in (1, 2):
        pictures.add_frame(np.full((128, 256, 3), shade, np.uint8))
    with pytest.raises(InputError, match="remove some"):
        pictures.add_frame(np.full((128, 256, 3), 3, np.uint8))
