"""Noise as a pure function of what it is for: a future is the same bits alone, in a batch, after a resume."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch import Tensor


def noise(shape: tuple[int, ...], *key: int | str) -> Tensor:
    """Standard normal float32 of `shape`, on the CPU, that depends on `key` alone: run seed, future, stage, index.

    A counter-based generator (Philox) is keyed with the sha256 of the key.
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
    return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))


def correlated_noise(shape: tuple[int, ...], frames: range, correlation: float, *key: int | str) -> Tensor:
    """Noise `t *shape` for consecutive frames, any two of which have this `correlation` (0 to 1).

    Each frame mixes a field that all frames share with one of its own, which its index alone decides.
    """
    shared = noise(shape, *key, "shared") if correlation > 0 else torch.zeros(shape)
    if correlation == 1:
        return shared.expand(len(frames), *shape).clone()
    own = torch.stack([noise(shape, *key, frame) for frame in frames])
    return math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
