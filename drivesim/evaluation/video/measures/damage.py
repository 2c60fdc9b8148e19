"""Damage to the order and steadiness of frames, which shows whether a distance of videos sees time at all.

`shuffle` and `freeze` use nothing but frames of the video itself, so a distance that looks at single frames cannot
tell a shuffled video from the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from drivesim.evaluation.metrics.corruptions import blurred, flickering

Clips = np.ndarray
"""uint8 `n t h w 3`."""


@dataclass(frozen=True)
class Damage:
    """A change of clips that is the same each time.

    Attributes:
        name: Its name in figures.
        apply: Changes clips uint8 `n t h w 3`.
    """

    name: str
    apply: Callable[[Clips], Clips]


def time_ladder() -> tuple[Damage, ...]:
    """Returns flicker of two strengths, frames that freeze, frames in another order, and blur, which keeps time."""
    return (
        Damage("flicker 0.05", partial(_flickering, strength=0.05)),
        Damage("flicker 0.1", partial(_flickering, strength=0.1)),
        Damage("freeze half", partial(frozen, share=0.5)),
        Damage("freeze", partial(frozen, share=1.0)),
        Damage("shuffle neighbours", partial(shuffled, reach=2)),
        Damage("shuffle", shuffled),
        Damage("blur 1", _blurred),
    )


def frozen(clips: Clips, share: float, seed: int = 0) -> Clips:
    """Replaces a share of the frames after the first by the frame shown before them; 1 holds the first frame."""
    drops = np.random.default_rng(seed).random(clips.shape[:2]) < share
    drops[:, 0] = False
    shown = np.where(drops, -1, np.arange(clips.shape[1]))
    shown = np.maximum.accumulate(shown, axis=1)
    return np.stack([clip[order] for clip, order in zip(clips, shown, strict=True)])


def shuffled(clips: Clips, reach: int | None = None, seed: int = 0) -> Clips:
    """Puts the frames of each clip into a random order of its own, within groups of `reach` frames if it is given."""
    generator, length = np.random.default_rng(seed), clips.shape[1]
    size = reach or length
    orders = [
        np.concatenate([s + generator.permutation(min(size, length - s)) for s in range(0, length, size)])
        for _ in clips
    ]
    return np.stack([clip[order] for clip, order in zip(clips, orders, strict=True)])


def _flickering(clips: Clips, strength: float) -> Clips:
    return np.stack([flickering(clip, strength, seed) for seed, clip in enumerate(clips)])


def _blurred(clips: Clips) -> Clips:
    return np.stack([blurred(clip, 1.0) for clip in clips])
