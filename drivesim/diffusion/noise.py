"""Noise that neighbouring frames have in common.

Video models that were trained for a short time keep a scene together better if neighbouring frames start from similar
noise (Ge et al., 2023, "Preserve Your Own Correlation"). The noise of each frame stays standard normal. Training draws
the same kind of noise as sampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseCorrelation:
    """Correlations of noise, from 0 to below 1.

    Attributes:
        keyframes: Correlation of a keyframe with the keyframe before it.
        in_between: Correlation of an interpolated frame with the known frame on its left.
    """

    keyframes: float = 0.8
    in_between: float = 0.9


def correlated(before: Tensor, own: Tensor, correlation: float) -> Tensor:
    """Mixes noise `own` with `before`, so that the result has this correlation with `before`.

    Both have the same shape; the result is standard normal if both are.
    """
    return correlation * before + math.sqrt(1 - correlation**2) * own


def chain(own: Tensor, correlation: float) -> Tensor:
    """Turns independent noise `b t ...` into noise in which each frame correlates with the one before."""
    frames = [own[:, 0]]
    for place in range(1, own.shape[1]):
        frames.append(correlated(frames[-1], own[:, place], correlation))
    return torch.stack(frames, 1)


def around_first(own: Tensor, correlation: float) -> Tensor:
    """Turns independent noise `b t ...` into noise in which each frame correlates with the first."""
    return torch.cat([own[:, :1], correlated(own[:, :1], own[:, 1:], correlation)], 1)
