"""The orientation in which a viewer shows the frames of a video, from the display matrix of its track."""

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
    """A rotation by `turns` quarter turns counter-clockwise, after a flip from left to right if `mirrored`."""

    turns: int = 0
    mirrored: bool = False


def quarter_turns(frame: av.VideoFrame) -> Orientation:
    """Returns the orientation of a frame, rounded to the nearest quarter turn."""
    matrix = cast(Mapping[str, SideData], frame.side_data).get("DISPLAYMATRIX")  # PyAV's stubs name one key only
    if matrix is None:
        return Orientation()
    content = bytes(matrix)
    if len(content) < 36:
        return Orientation()
    return orientation_of(struct.unpack("=9i", content[:36]))


def orientation_of(matrix: tuple[int, ...]) -> Orientation:
    """Returns the orientation of a display matrix of nine numbers a b u c d v x y w.

    A pixel (p, q) of the frame is shown at (a p + c q + x, b p + d q + y), with q and the second coordinate down.
    """
    a, b, _, c, d = matrix[:5]
    if a * d - b * c == 0:
        return Orientation()
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # the rotation that remains after the flip from left to right
    # The frame's x axis points along (a, b), with b down: a counter-clockwise turn by the angle of (a, -b).
    return Orientation(round(np.arctan2(-b, a) / (np.pi / 2)) % 4, bool(mirrored))


def oriented(pixels: np.ndarray, orientation: Orientation) -> np.ndarray:
    """Returns pixels `h w 3` as a viewer shows them."""
    if orientation.mirrored:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(np.rot90(pixels, orientation.turns))
