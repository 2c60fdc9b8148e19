"""Export frames as h264 video and PNG pictures; each file is written beside its place and renamed in.

Frames are an iterable of uint8 (h, w, c) RGB, such as `rollout.frames`; one at a time is held in memory.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from drivesim import durable
from drivesim.errors import ArchiveWriteError, InputError
from drivesim.regular_files import create_own, require_replaceable

DEFAULT_CRF = 18
_BT709 = 1  # ITU-T H.273 code point


def write_mp4(frames: Iterable[np.ndarray], fps: float, path: Path, crf: int = DEFAULT_CRF) -> None:
    """Writes frames as h264 (yuv420p, BT.709, index at the front of the file).

    Args:
        frames: uint8 (h, w, c) RGB.
        fps: Frames per second.
        path: The file; after an error it is what it was before.
        crf: Quality, from 0 (best, largest file) to 51.

    Raises:
        InputError: There are no frames, a size is odd, `crf` is out of range, or the folder cannot be made.
        ArchiveWriteError: The disk is full, and the like.
    """
    if not 0 <= crf <= 51:
        raise InputError(f"--crf is a number from 0 to 51, not {crf}")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{path}: there are no frames to write yet")
    height, width, _ = first.shape
    if height % 2 or width % 2:
        raise InputError(f"{path}: mp4 needs an even width and height, not {width}x{height}; export as png")
    with (
        _replacing(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        stream = container.add_stream("h264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        codec = stream.codec_context
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        for frame in itertools.chain([first], frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode())


def write_png(picture: np.ndarray, path: Path) -> None:
    """Writes a picture, uint8 (h, w, c) RGB; raises what `write_mp4` raises."""
    _, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    with _replacing(path) as temporary:
        temporary.write_bytes(content.tobytes())


def write_text(text: str, path: Path) -> None:
    """Writes UTF-8 text; bytes of file names that are no UTF-8 are escaped. Raises what `write_mp4` raises."""
    with _replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_pngs(frames: Iterable[np.ndarray], folder: Path) -> int:
    """Writes `000000.png`, `000001.png` and so on into a folder; return their number."""
    count = 0
    for count, frame in enumerate(frames, start=1):
        write_png(frame, folder / f"{count - 1:06d}.png")
    return count


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yields a file beside `path` to write to; it is renamed to `path` at the end, and removed after an error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.unwritable(path.parent, error) from error
    temporary = path.with_name(f".{path.name}.part")
    try:
        require_replaceable(path)
        os.close(create_own(temporary))
        yield temporary
        os.rename(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def require_writable(path: Path) -> None:
    """Makes the folder of a file; raises InputError if the file could not be written there."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; choose another --out")
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        require_replaceable(path)
        os.close(create_own(temporary))
        temporary.unlink()
    except OSError as error:
        raise durable.unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ArchiveWriteError:
    reason = error.strerror or type(error).__name__
    advice = durable.advice(error) or "choose another --out"
    return ArchiveWriteError(f"{path}: cannot be written ({reason}); {advice}")
