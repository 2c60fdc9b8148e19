"""Noise as a pure function of what it is for: a future is the same bits alone, in a batch, after a resume."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from drivesim.diffusion.noise import NoiseCorrelation, correlated


def noise(shape: tuple[int, ...], *key: int | str) -> Tensor:
    """Standard normal float32 noise on the CPU; it depends on `key` alone, such as run seed, future, stage, index."""
    return torch.from_numpy(generator(*key).standard_normal(shape, dtype=np.float32))


def generator(*key: int | str) -> np.random.Generator:
    """Returns a counter-based generator (Philox) whose key is the sha256 of `key`."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


@dataclass(frozen=True)
class RunNoise:
    """The noise of one future of a run. If `future` is None, it is the noise that all futures share."""

    seed: int
    future: int | None

    def __call__(self, shape: tuple[int, ...], *key: int | str) -> Tensor:
        """Noise of this shape for a stage and an index in it."""
        return noise(shape, self.seed, "shared" if self.future is None else self.future, *key)

    def of_frames(self, shape: tuple[int, ...], frames: range, correlation: float, *key: int | str) -> Tensor:
        """Noise `t *shape` of consecutive frames, any two of which have this `correlation` (0 to 1).

        The noise of a frame is a mixture of a field that all frames share and one that its index alone decides.
        """
        shared = self(shape, *key, "all frames")
        if correlation == 1:
            return shared.expand(len(frames), *shape)
        own = torch.stack([self(shape, *key, frame) for frame in frames])
        return math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own


def first_keyframe_noise(shape: tuple[int, int, int], seed: int, attempt: int = 0, step: int = 0) -> Tensor:
    """Noise `c h w` of the first keyframe, which all futures share.

    Each further attempt of the gate has its own, and so has each further step of a student.
    """
    return RunNoise(seed, None)(shape, "image", *((attempt,) if attempt else ()), *_key_of_step(step))


@dataclass(frozen=True)
class LatentNoise:
    """The noise of the latents of a future: a chain over keyframes, and steps from it to the frames in between.

    Attributes:
        noise: where the noise of each frame comes from.
        start: noise `c h w` of keyframe 0.
        correlation: correlation of the noise of neighbouring frames.
        factor: number of frames that a pass of interpolation makes of each frame of the pass before.
        step: number of the step of a student that the noise is for, from 0.
    """

    noise: RunNoise
    start: Tensor
    correlation: NoiseCorrelation
    factor: int
    step: int = 0

    _MEMORY = 32  # keyframes; what lies further back would change a chain's noise by less than a thousandth

    def of_step(self, step: int) -> LatentNoise:
        """Returns the noise of another step of a student, with the same correlation between frames."""
        if step == self.step:
            return self
        start = self.noise(tuple(self.start.shape), "keyframe", 0, *_key_of_step(step)).to(self.start.device)
        return replace(self, start=start, step=step)

    def keyframe(self, index: int) -> Tensor:
        """Noise `c h w` of a keyframe."""
        first = max(0, index - self._MEMORY)
        value = self._own("keyframe", first) if first else self.start
        for step in range(first + 1, index + 1):
            value = correlated(value, self._own("keyframe", step), self.correlation.keyframes)
        return value

    def frame(self, index: int, passes: int) -> Tensor:
        """Noise `c h w` of a frame, whose index is counted at the frame rate after `passes` of interpolation."""
        if passes == 0:
            return self.keyframe(index)
        left = self.frame(index // self.factor, passes - 1)
        if index % self.factor == 0:
            return left
        return correlated(left, self._own("in between", passes, index), self.correlation.in_between)

    def context(self, window: int, count: int) -> Tensor:
        """Noise `s c h w` on what the prediction of a window sees of its `count` context frames."""
        return torch.stack([self._own("context", window, place) for place in range(count)])

    def _own(self, *key: int | str) -> Tensor:
        return self.noise(tuple(self.start.shape), *key, *_key_of_step(self.step)).to(self.start.device)


def _key_of_step(step: int) -> tuple[int | str, ...]:
    """What the step of a student adds to the key of its noise; the first one adds nothing."""
    return ("step", step) if step else ()
