"""How a picture is to be turned before it is looked at (EXIF 2.32, tag 0x0112), in JPEG and PNG files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

SIDEWAYS = (5, 6, 7, 8)
"""Orientations that exchange width and height."""

_ORIENTATION_TAG, _SHORT = 0x0112, 3
_APP1, _START_OF_SCAN, _END = 0xE1, 0xDA, 0xD9
# Markers without a length: restarts, and the start of the image.
_BARE = {0x01, *range(0xD0, 0xD9)}
_PNG = b"\x89PNG\r\n\x1a\n"


def exif_orientation(content: bytes) -> int:
    """The orientation, 1 to 8, of a JPEG or PNG file; 1, upright, where nothing, or nothing sensible, is said."""
    tiff = _exif_of_png(content) if content.startswith(_PNG) else _exif_of_jpeg(content)
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * index)
            if tag == _ORIENTATION_TAG and kind == _SHORT:
                return value if 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        pass
    return 1


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels `h w c` as they are to be seen; `orientation` is what EXIF says of them, 1 to 8."""
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment of a JPEG file before its pixels; any marker may follow fill bytes FF."""
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        while position < len(content) and content[position] == 0xFF:
            position += 1
        marker, position = content[position : position + 1], position + 1
        if not marker or marker[0] in (_START_OF_SCAN, _END):
            return
        if marker[0] in _BARE:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        if length < 2:
            return
        yield marker[0], position + 2, position + length
        position += length


def _exif_of_jpeg(content: bytes) -> bytes:
    for marker, start, stop in jpeg_segments(content):
        if marker == _APP1 and content[start : start + 6] == b"Exif\0\0":
            return content[start + 6 : stop]
    return b""


def _exif_of_png(content: bytes) -> bytes:
    position = len(_PNG)
    while position + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        kind = content[position + 4 : position + 8]
        if kind == b"eXIf":
            return content[position + 8 : position + 8 + length]
        if kind == b"IEND":
            break
        position += 12 + length
    return b""
