"""Pictures that are read, and those that are refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scenario import read_picture


def test_a_damaged_png_is_refused_and_not_shown(tmp_path: Path) -> None:
    encoded = cv2.imencode(".png", np.arange(256 * 512 * 3, dtype=np.uint8).reshape(256, 512, 3))[1]
    whole = encoded.tobytes()
    pixels = whole.index(b"IDAT") + 10
    damaged = {
        "changed": whole[:pixels] + bytes([whole[pixels] ^ 1]) + whole[pixels + 1 :],
        "cut": whole[:-12],
        "a length beyond the end": whole.replace(b"\0\0\0\0IEND", b"\x7f\0\0\0IEND"),
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="the picture is broken"):
            read_picture(tmp_path / name)
    (tmp_path / "followed").write_bytes(whole + b"anything")
    assert read_picture(tmp_path / "followed").shape == (256, 512, 3)
