"""Noise that neighbouring frames have in common.

Networks that are young in time keep a scene together when neighbouring frames start from like noise (Ge et al., 2023,
"Preserve Your Own Correlation"). Each frame's own noise stays standard normal. Training draws what sampling will.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseCorrelation:
    """Correlations, 0 to below 1: of a keyframe with the one before, of a frame in between with the one on its left."""

    keyframes: float = 0.8
    in_between: float = 0.9


def correlated(before: Tensor, own: Tensor, correlation: float) -> Tensor:
    """Noise of this correlation with `before`, from `own`; standard normal if both are, of any shape."""
    return correlation * before + math.sqrt(1 - correlation**2) * own


def chain(own: Tensor, correlation: float) -> Tensor:
    """Independent noise `b t ...` to noise each frame of which correlates with the one before."""
    frames = [own[:, 0]]
    for place in range(1, own.shape[1]):
        frames.append(correlated(frames[-1], own[:, place], correlation))
    return torch.stack(frames, 1)


def around_first(own: Tensor, correlation: float) -> Tensor:
    """Independent noise `b t ...` to noise each frame of which correlates with the first."""
    return torch.cat([own[:, :1], correlated(own[:, :1], own[:, 1:], correlation)], 1)
