"""Known corruptions of growing strength, which give distances a scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

Frames = np.ndarray
"""uint8 `n h w 3`."""


@dataclass(frozen=True)
class Corruption:
    """A change of frames that is the same each time; strengths refer to frames of 256 pixels of width.

    Attributes:
        name: Its name in figures.
        apply: Changes frames uint8 `n h w 3`.
    """

    name: str
    apply: Callable[[Frames], Frames]


def ladder() -> tuple[Corruption, ...]:
    """Returns blur of growing strength, noise, and flicker of brightness between frames."""
    blurs = (Corruption(f"blur {sigma:g}", partial(blurred, sigma=sigma)) for sigma in (0.5, 1.0, 2.0))
    return (*blurs, Corruption("noise 0.05", lambda f: noisy(f, 0.05)), Corruption("flicker 0.1", flickering))


def blurred(frames: Frames, sigma: float) -> Frames:
    """Blurs frames with a Gaussian of `sigma` pixels at 256 pixels of width."""
    sigma = sigma * frames.shape[2] / 256
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for frame in frames])


def noisy(frames: Frames, strength: float, seed: int = 0) -> Frames:
    """Adds Gaussian noise, whose standard deviation is the fraction `strength` of the range of pixels."""
    generator = np.random.default_rng(seed)
    return np.stack([_rounded(f + 255 * strength * generator.standard_normal(f.shape)) for f in frames])


def flickering(frames: Frames, strength: float = 0.1, seed: int = 0) -> Frames:
    """Makes each frame brighter or darker by a factor of its own."""
    factors = 1 + strength * np.random.default_rng(seed).standard_normal(len(frames))
    return np.stack([_rounded(frame * factor) for frame, factor in zip(frames, factors, strict=True)])


def _rounded(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)
