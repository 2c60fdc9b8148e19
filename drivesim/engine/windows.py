"""What the engine takes and gives of a future, window by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Predicted:
    """The keyframe latents of a window, float32 `t c h w`.

    gate: of window 0, the record of how the gate chose its first keyframe; None where there was no gate.
    """

    latents: np.ndarray
    gate: dict[str, Any] | None = None


@dataclass(frozen=True)
class Window:
    """Of a future: `keyframe_latents` float32 `t c h w`, `frames` uint8 `t h w c`, RGB, `gate` as predicted."""

    index: int
    keyframe_latents: np.ndarray
    frames: np.ndarray
    gate: dict[str, Any] | None = None


@dataclass(frozen=True)
class ResumePoint:
    """Where a future goes on: the next window, at least 1, and the keyframe latents `t c h w` of the one before."""

    window: int
    latents: np.ndarray
