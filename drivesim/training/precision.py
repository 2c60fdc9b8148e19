"""Mixed precision where the hardware multiplies bfloat16 quickly."""

from __future__ import annotations

import torch

from drivesim.models.precision import bfloat16_is_fast


def mixed_precision(device: str) -> torch.autocast:
    """bfloat16 autocast on CUDA and on CPUs with bfloat16 instructions (without them it is slower), else nothing."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bfloat16_is_fast(device))
