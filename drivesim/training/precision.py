"""Mixed precision where the hardware multiplies bfloat16 quickly."""

from __future__ import annotations

import torch


def mixed_precision(device: str) -> torch.autocast:
    """bfloat16 autocast on CUDA and on CPUs with bfloat16 instructions (without them it is slower), else nothing."""
    device_type = torch.device(device).type
    fast = device_type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device_type, torch.bfloat16, enabled=fast)
