"""Noise as a pure function of what it is for: a future is the same bits alone, in a batch, after a resume."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

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


@dataclass(frozen=True)
class RunNoise:
    """The noise of one future of a run; `future` None is what all futures share."""

    seed: int
    future: int | None

    def __call__(self, shape: tuple[int, ...], *key: int | str) -> Tensor:
        """Noise of a stage and an index in it."""
        return noise(shape, self.seed, "shared" if self.future is None else self.future, *key)

    def of_frames(self, shape: tuple[int, ...], frames: range, correlation: float, *key: int | str) -> Tensor:
        """Noise `t *shape` for consecutive frames, any two of which have this `correlation` (0 to 1).

        Each frame mixes a field that all frames share with one of its own, which its index alone decides.
        """
        shared = self(shape, *key, "all frames")
        if correlation == 1:
            return shared.expand(len(frames), *shape)
        own = torch.stack([self(shape, *key, frame) for frame in frames])
        return math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own


@dataclass(frozen=True)
class KeyframeNoise:
    """The noise of the latents of a future: a chain over keyframes, each correlated with the one before.

    Networks that are young in time keep a scene together when neighbouring frames start from like noise (the mixed
    noise of Ge et al., 2023, "Preserve Your Own Correlation"); every frame's own noise stays standard normal.

    start: noise `c h w` that keyframe 0 was composed from. correlation: of neighbouring keyframes, 0 to below 1.
    """

    noise: RunNoise
    start: Tensor
    correlation: float

    _MEMORY = 32  # keyframes; what lies further back would change a chain's noise by less than a thousandth

    def at(self, keyframe: int) -> Tensor:
        """Noise `c h w` of a keyframe."""
        first = max(0, keyframe - self._MEMORY)
        value = self._own(first) if first else self.start
        for index in range(first + 1, keyframe + 1):
            value = self.correlation * value + math.sqrt(1 - self.correlation**2) * self._own(index)
        return value

    def between(self, time: float) -> Tensor:
        """Noise `c h w` at a time counted in keyframes: a mixture of its two neighbours, of variance 1."""
        keyframe = math.floor(time)
        after = time - keyframe
        if not after:
            return self.at(keyframe)
        scale = math.sqrt((1 - after) ** 2 + after**2 + 2 * self.correlation * after * (1 - after))
        return torch.lerp(self.at(keyframe), self.at(keyframe + 1), after) / scale

    def _own(self, keyframe: int) -> Tensor:
        return self.noise(tuple(self.start.shape), "keyframe", keyframe).to(self.start.device)
