"""How a training uses its device: threads of the CPU, mixed precision, and fast arithmetic on a GPU."""

from __future__ import annotations

import torch

from drivesim.models.precision import bfloat16_is_fast


def mixed_precision(device: str) -> torch.autocast:
    """Returns bfloat16 autocast if the device multiplies bfloat16 quickly; otherwise it has no effect."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bfloat16_is_fast(device))


def use_device(device: str) -> None:
    """Lets a GPU multiply float32 in TF32 and choose its fastest convolutions; on the CPU it has no effect."""
    if torch.device(device).type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def use_threads(count: int) -> None:
    """Lets torch compute with `count` threads."""
    torch.set_num_threads(count)
