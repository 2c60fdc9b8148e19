"""How a viewer turns and mirrors the frames of a video: the display matrix of its track."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData


@dataclass(frozen=True)
class Orientation:
    """`turns` quarters counter-clockwise, after a flip from left to right where `mirrored`."""

    turns: int = 0
    mirrored: bool = False


def quarter_turns(frame: av.VideoFrame) -> Orientation:
    """The orientation of a frame. Matrices that are no multiple of a quarter are rounded to the nearest one."""
    matrix = cast(Mapping[str, SideData], frame.side_data).get("DISPLAYMATRIX")  # PyAV's stubs name one key only
    if matrix is None:
        return Orientation()
    content = bytes(matrix)
    if len(content) < 36:
        return Orientation()
    return orientation_of(struct.unpack("=9i", content[:36]))


def orientation_of(matrix: tuple[int, ...]) -> Orientation:
    """The orientation that nine numbers a b u c d v x y w stand for.

    A pixel (p, q) of the frame is shown at (a p + c q + x, b p + d q + y), with q and the second coordinate down.
    """
    a, b, _, c, d = matrix[:5]
    if a * d - b * c == 0:
        return Orientation()
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # what is left after the flip from left to right
    # The frame's x axis points along (a, b), with b down: a turn counter-clockwise by the angle of (a, -b).
    return Orientation(round(np.arctan2(-b, a) / (np.pi / 2)) % 4, bool(mirrored))


def oriented(pixels: np.ndarray, orientation: Orientation) -> np.ndarray:
    """Pixels `h w 3` as a viewer shows them."""
    if orientation.mirrored:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(np.rot90(pixels, orientation.turns))
