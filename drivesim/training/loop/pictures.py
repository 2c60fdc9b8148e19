"""Grids of sample pictures for the training log."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from torch import Tensor

from drivesim.models.pixels import to_bytes


def grid(frames: Tensor) -> np.ndarray:
    """Joins frames `rows columns 3 h w` in -1..1 to one picture `h w 3` uint8."""
    return np.ascontiguousarray(rearrange(to_bytes(frames), "r k h w c -> (r h) (k w) c"))
