"""How the process of a worker computes: the same inputs, device and threads give the same bits."""

from __future__ import annotations

import torch


def fix_arithmetic(threads: int) -> None:
    """Fixes what the bits depend on beside the inputs, for the rest of this process.

    Libraries get the same number of threads as the engine. On CUDA: whole float32 (no TF32), kernels that sum in one
    order, and none chosen by timing them.
    """
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
