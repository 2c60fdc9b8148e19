"""The picture that a scenario may start from."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np

from drivesim.errors import InputError

MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
MIN_WIDTH_PX, MIN_HEIGHT_PX = 256, 128
_ASPECT, _ASPECT_TOLERANCE = 2.0, 0.02

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
# Frame headers of JPEG: SOF0..SOF15 without the markers DHT, JPG and DAC among them.
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_picture(path: str | Path) -> np.ndarray:
    """Reads a PNG or JPEG picture that is twice as wide as high: uint8 RGB `h w c`.

    Raises:
        InputError: There is no such file, or the picture is of another format, broken, too small, too large, or of
            another shape.
    """
    path = Path(path)
    content = _content(path)
    width, height = _size(content, path)
    if width < MIN_WIDTH_PX or height < MIN_HEIGHT_PX:
        raise InputError(f"{path}: expected at least {MIN_WIDTH_PX}×{MIN_HEIGHT_PX} pixels, got {width}×{height}")
    if width * height > MAX_PIXELS:
        raise InputError(f"{path}: expected at most {MAX_PIXELS:,} pixels, got {width}×{height}; make it smaller")
    if abs(width / height / _ASPECT - 1) > _ASPECT_TOLERANCE:
        raise InputError(f"{path}: expected a picture twice as wide as high, got {width}×{height}; crop it")

    import cv2  # here, because it is slow to import and most scenarios name no picture

    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise InputError(f"{path}: the picture is broken and cannot be decoded; save it again as PNG or JPEG")
    return pixels


def picture_sha256(path: str | Path) -> str:
    """Returns the hexadecimal digest of a picture's file; raises InputError if it cannot be read."""
    return hashlib.sha256(_content(Path(path))).hexdigest()


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such picture")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB")
    return content


def _size(content: bytes, path: Path) -> tuple[int, int]:
    """Returns width and height from the header, before any memory is taken for pixels."""
    if content.startswith(_PNG) and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content.startswith(_JPEG):
        position = 2
        while position + 9 <= len(content) and content[position] == 0xFF:
            marker, length = content[position + 1], int.from_bytes(content[position + 2 : position + 4], "big")
            if marker in _JPEG_FRAMES:
                height, width = struct.unpack(">HH", content[position + 5 : position + 9])
                return width, height
            position += 2 + length
    raise InputError(f"{path}: expected a PNG or JPEG picture")
