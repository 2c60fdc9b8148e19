"""What is known of the windows of a future: where it starts, how far a window is, and the finished window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

STAGE_SHARES = {"predict": 0.15, "interpolate": 0.15, "decode": 0.05, "upsample": 0.65}
"""The stages of a window in their order, and the part of its work that each of them is."""


def work_done(stage: str, fraction: float = 1.0) -> float:
    """Returns what is done of a window's work, 0 to 1, when a fraction of a stage is done."""
    done = 0.0
    for name, share in STAGE_SHARES.items():
        if name == stage:
            return done + share * fraction
        done += share
    raise KeyError(stage)


@dataclass(frozen=True)
class Predicted:
    """The keyframes of a window.

    Attributes:
        latents: float32 `t c h w`.
        gate: for window 0, the record of how the gate chose its first keyframe; None if there was no gate.
    """

    latents: np.ndarray
    gate: dict[str, Any] | None = None


@dataclass(frozen=True)
class ResumePoint:
    """The place where a future continues: the next window (1 or later) and the keyframe latents of the one before it.

    Latents are `t c h w`.
    """

    window: int
    latents: np.ndarray


@dataclass(frozen=True)
class FutureStart:
    """A future whose windows are to be made from `window` on.

    Attributes:
        future: number of the future.
        window: the first window to make.
        previous: keyframe latents `t c h w` of the window before; None for window 0.
        known: the keyframes of `window` and of all windows after it, if these are only to be rendered.
    """

    future: int
    window: int = 0
    previous: np.ndarray | None = None
    known: tuple[Predicted, ...] = ()


@dataclass(frozen=True)
class Progress:
    """A stage of a window, or a part of it, is done; `fraction` is what is done of the window's work by now, 0 to 1."""

    future: int
    window: int
    stage: str
    fraction: float


@dataclass(frozen=True)
class Window:
    """A finished window of a future; windows of a future are finished in order.

    Attributes:
        future: number of the future.
        index: number of the window.
        keyframe_latents: float32 `t c h w`.
        frames: uint8 `t h w c`, RGB; None if only keyframes were asked for.
        gate: as in `Predicted`.
    """

    future: int
    index: int
    keyframe_latents: np.ndarray
    frames: np.ndarray | None
    gate: dict[str, Any] | None = None
