"""The picture that a scenario may start from, turned as its EXIF orientation says."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.regular_files import read_regular
from drivesim.scenario.schema.exif import SIDEWAYS, exif_orientation, jpeg_segments, upright
from drivesim.scenario.schema.fit import Fit, fitted, fitted_size, has_shape_of_frames

MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
MIN_WIDTH_PX, MIN_HEIGHT_PX = 256, 128

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
# Frame headers of JPEG: SOF0..SOF15 without the markers DHT, JPG and DAC among them.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}


def read_picture(path: str | Path, fit: Fit | None = None) -> np.ndarray:
    """Reads a PNG or JPEG picture that is twice as wide as high: uint8 RGB `h w c`.

    Args:
        path: The file.
        fit: How a picture of another shape becomes one of this shape; None refuses it.

    Raises:
        InputError: There is no such file, or the picture is of another format, broken, too small, too large, or of
            another shape.
    """
    path = Path(path)
    content = _content(path)
    width, height = picture_size(content, path)
    if min(width, height) < 1 or (fit is None and not has_shape_of_frames(width, height)):
        advice = "crop it, or let `fit: crop` or `fit: pad` of the scenario do it"
        raise InputError(f"{path}: expected a picture twice as wide as high, got {width}×{height}; {advice}")
    new_width, new_height = (width, height) if fit is None else fitted_size(width, height, fit)
    if new_width < MIN_WIDTH_PX or new_height < MIN_HEIGHT_PX:
        after = "" if (new_width, new_height) == (width, height) else f", {new_width}×{new_height} after `fit: {fit}`"
        least = f"{MIN_WIDTH_PX}×{MIN_HEIGHT_PX}"
        raise InputError(f"{path}: expected at least {least} pixels, got {width}×{height}{after}")
    if max(width * height, new_width * new_height) > MAX_PIXELS:
        raise InputError(f"{path}: expected at most {MAX_PIXELS:,} pixels, got {width}×{height}; make it smaller")

    import cv2  # here, because it is slow to import and most scenarios name no picture

    if content.startswith(_PNG) and not _is_whole_png(content):
        raise _broken(path)
    # The decoder turns the pixels of JPEG by itself, but not those of every format: here one rule holds for all.
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise _broken(path)
    pixels = upright(pixels, exif_orientation(content))
    return pixels if fit is None else fitted(pixels, fit)


def _broken(path: Path) -> InputError:
    return InputError(f"{path}: the picture is broken and cannot be decoded; save it again as PNG or JPEG")


def _is_whole_png(content: bytes) -> bool:
    """Whether every chunk that the pixels depend on is what was written; the decoder would show damage as a picture.

    PNG, third edition, 5.3: length, type, data and checksum; critical chunks have a capital first letter, the last is
    IEND.
    """
    start = len(_PNG)
    while start + 12 <= len(content):
        stop = start + 12 + int.from_bytes(content[start : start + 4])
        kind, checksum = content[start + 4 : start + 8], int.from_bytes(content[stop - 4 : stop])
        if stop > len(content) or (kind[:1].isupper() and zlib.crc32(content[start + 4 : stop - 4]) != checksum):
            return False
        if kind == b"IEND":
            return True
        start = stop
    return False


def picture_sha256(path: str | Path) -> str:
    """Returns the hexadecimal digest of a picture's file; raises InputError if it cannot be read."""
    return hashlib.sha256(_content(Path(path))).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such picture") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def picture_size(content: bytes, path: Path) -> tuple[int, int]:
    """Returns width and height as the picture is seen, from the header, before any memory is taken for pixels.

    Raises:
        InputError: The content is neither PNG nor JPEG.
    """
    size = None
    if content.startswith(_PNG) and len(content) >= 24:
        size = struct.unpack(">II", content[16:24])
    elif content.startswith(_JPEG):
        size = next(
            (_frame_size(content, start) for marker, start, _ in jpeg_segments(content) if marker in _FRAMES), None
        )
    elif content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        advice = "save it as JPEG (on iPhones: Settings, Camera, Formats, Most Compatible), or convert it"
        raise InputError(f"{path}: HEIC and AVIF pictures are not supported; {advice}")
    if size is None:
        raise InputError(f"{path}: expected a PNG or JPEG picture")
    width, height = size
    return (height, width) if exif_orientation(content) in SIDEWAYS else (width, height)


def _frame_size(content: bytes, start: int) -> tuple[int, int] | None:
    """Width and height of a JPEG frame header."""
    if start + 5 > len(content):
        return None
    height, width = struct.unpack(">HH", content[start + 1 : start + 5])
    return width, height
