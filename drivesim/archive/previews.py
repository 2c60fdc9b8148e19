"""Write previews of an archive: a video and a poster per future, and one contact sheet of all futures."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

import cv2
import numpy as np

from drivesim.archive.export import write_mp4, write_png
from drivesim.archive.reader import Archive, Rollout
from drivesim.errors import InputError
from drivesim.regular_files import open_regular

PREVIEW_CRF = 20
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_COLUMNS = 6
_TILE_WIDTH = 320
_MARGIN = 6
_LABEL_WIDTH, _LABEL_HEIGHT = 76, 24
_BACKGROUND = (24, 24, 28)
_TEXT = (240, 240, 240)


def write_preview(archive: Archive, future: int, path: Path, crf: int = PREVIEW_CRF) -> None:
    """Writes the committed frames of a future as mp4; raises InputError if there are none yet."""
    write_mp4(_rollout(archive, future).frames, archive.layout.fps, Path(path), crf)


def write_poster(archive: Archive, future: int, path: Path) -> None:
    """Writes the middle one of the committed frames of a future as PNG; raises InputError if there are none yet."""
    frames = _rollout(archive, future).frames
    write_png(frames[len(frames) // 2], Path(path))


def write_contact_sheet(archive: Archive, path: Path) -> None:
    """Writes one PNG with a row per future: six frames, evenly spaced in time, each with its time in seconds.

    Futures without frames are left out.

    Raises:
        InputError: No future has frames.
    """
    rollouts = [rollout for rollout in archive.rollouts if rollout.num_committed_frames]
    if not rollouts:
        raise InputError(f"{archive.path}: no frames are committed yet, so there is nothing to show")
    height, width, _ = archive.layout.frame_shape
    tile_size = (_TILE_WIDTH, max(1, round(_TILE_WIDTH * height / width)))
    rows = [_row(rollout, archive.layout.fps, tile_size) for rollout in rollouts]
    write_png(_with_margin(np.concatenate(rows), before=True), Path(path))


def is_whole_preview(path: Path) -> bool:
    """Returns whether a video or picture is there from its beginning to its end; what it shows is not examined."""
    try:
        with open_regular(path) as file:
            return _is_whole_png(file) if path.suffix == ".png" else _is_whole_mp4(file)
    except OSError:
        return False


def _is_whole_png(file: BufferedReader) -> bool:
    """Returns whether a PNG begins with its signature and ends with its last chunk."""
    begins = file.read(len(_PNG_SIGNATURE)) == _PNG_SIGNATURE
    return begins and file.seek(0, os.SEEK_END) >= len(_PNG_END) and _tail(file, len(_PNG_END)) == _PNG_END


def _is_whole_mp4(file: BufferedReader) -> bool:
    """Returns whether the boxes of an MP4 (ISO/IEC 14496-12, 4.2) fill the file, and an index is one of them."""
    size, start, kinds = file.seek(0, os.SEEK_END), 0, set()
    while start < size:
        file.seek(start)
        header = file.read(16)
        length, header_bytes = int.from_bytes(header[:4], "big"), 8
        if length == 1:  # the length is a larger number, after the kind
            length, header_bytes = int.from_bytes(header[8:], "big"), 16
        if len(header) < header_bytes or length < header_bytes:
            return False
        kinds.add(header[4:8])
        start += length
    return start == size and {b"moov", b"mdat"} <= kinds


def _tail(file: BufferedReader, length: int) -> bytes:
    file.seek(-length, os.SEEK_END)
    return file.read()


def _rollout(archive: Archive, future: int) -> Rollout:
    if not 0 <= future < len(archive.rollouts):
        raise InputError(f"{archive.path}: it has futures 0 to {len(archive.rollouts) - 1}, no future {future}")
    rollout = archive.rollouts[future]
    if not rollout.num_committed_frames:
        raise InputError(f"{archive.path}: no frames of future {future} are committed yet")
    return rollout


def _row(rollout: Rollout, fps: float, tile_size: tuple[int, int]) -> np.ndarray:
    moments = np.linspace(0, rollout.num_committed_frames - 1, _COLUMNS).round().astype(int)
    tiles = []
    for index in moments:
        tile = cv2.resize(rollout.frames[int(index)], tile_size, interpolation=cv2.INTER_AREA)
        text = f"{index / fps:.1f} s" if index else f"future {rollout.future}"
        cv2.rectangle(tile, (0, 0), (_LABEL_WIDTH, _LABEL_HEIGHT), _BACKGROUND, cv2.FILLED)
        cv2.putText(tile, text, (8, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT, 1, cv2.LINE_AA)
        tiles.append(_with_margin(tile))
    return np.concatenate(tiles, axis=1)


def _with_margin(picture: np.ndarray, before: bool = False) -> np.ndarray:
    """Returns the picture with a margin on the right and below, or on the left and above."""
    sides = (_MARGIN, 0, _MARGIN, 0) if before else (0, _MARGIN, 0, _MARGIN)
    return cv2.copyMakeBorder(picture, *sides, cv2.BORDER_CONSTANT, value=_BACKGROUND)
