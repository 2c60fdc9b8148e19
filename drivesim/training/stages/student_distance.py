"""How far a student's held-out samples are from real frames, by statistics of a perceptual network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from drivesim.distances import KernelDistance


def distance_of_statistics(real: Sequence[Tensor], made: Sequence[Tensor]) -> float:
    """Returns the kernel distance of made from real frames, in which all statistics count alike.

    Args:
        real: Statistics of real frames, each `n d`.
        made: The same statistics of made frames, each `m d`.
    """
    scaled: tuple[list[Tensor], list[Tensor]] = ([], [])
    for of_real, of_made in zip(real, made, strict=True):
        mean = of_real.mean(0)
        spread = (of_real - mean).square().mean().sqrt().clamp(min=1e-6)  # a single frame has no spread
        for frames, statistic in zip(scaled, (of_real, of_made), strict=True):
            frames.append((statistic - mean) / spread)
    first, second = (torch.cat(frames, 1).cpu().numpy() for frames in scaled)
    return KernelDistance(first, second)()
