"""Grids of sample pictures for the training log."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from torch import Tensor


def grid(frames: Tensor) -> np.ndarray:
    """Frames `rows columns 3 h w` in -1..1 as one picture `h w 3` uint8."""
    pixels = ((frames.float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()
    return np.ascontiguousarray(rearrange(pixels, "r k c h w -> (r h) (k w) c"))
