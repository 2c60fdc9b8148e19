"""Pixels of frames: between bytes and the range -1..1 of the networks, and how far two pictures are apart."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

_SMALLEST_ERROR = 1e-10


def to_unit_range(frames: Tensor) -> Tensor:
    """Maps uint8 frames `... h w 3` to float32 `... 3 h w` in -1..1, in the same order in memory."""
    return rearrange(frames, "... h w c -> ... c h w").float() / 127.5 - 1


def to_bytes(frames: Tensor) -> np.ndarray:
    """Maps frames `... 3 h w` in -1..1, clamped to that range, to uint8 `... h w 3` on the CPU."""
    scaled = ((frames.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    pixels: np.ndarray = rearrange(scaled, "... c h w -> ... h w c").contiguous().cpu().numpy()
    return pixels


def psnr_db(squared_error: Tensor) -> Tensor:
    """Returns the peak signal-to-noise ratio in dB for mean squared errors of frames in -1..1; at most 100 dB."""
    return -10 * (squared_error / 4).clamp(min=_SMALLEST_ERROR).log10()


def grid(frames: Tensor) -> np.ndarray:
    """Joins frames `rows columns 3 h w` in -1..1 to one picture `h w 3` uint8."""
    return np.ascontiguousarray(rearrange(to_bytes(frames), "r k h w c -> (r h) (k w) c"))
