"""The frames of a window from its keyframes: interpolate, decode, upsample.

What a window's frames depend on is its own keyframes, those of the window before it, and noise that is keyed by
what it is for. So a resumed rollout makes the same bits as one that was never interrupted.

The first gap of a window, and the last ones of the window before, are needed to both sides of the seam. Every window
interpolates the gaps from its second one on (group `w`: its second gap to its last, the last reaching into the next
window), and takes the rest from the group before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from drivesim.engine.decode import decode_frames
from drivesim.engine.interpolate import interpolate_gaps
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import EngineSettings
from drivesim.engine.timeline import Timeline
from drivesim.models.autoencoder import Autoencoder

Noise = Callable[..., Tensor]
"""(shape, *key) -> noise of the run and the future at hand."""


@dataclass(frozen=True)
class Stretch:
    """Consecutive low-resolution frames or latents `t c h w`; the first is frame `first` of the future."""

    frames: Tensor
    first: int


@dataclass(frozen=True)
class GapInterpolator:
    """Interpolates the gaps of windows, each group in one batch of fixed shape."""

    stage: DiffusionStage
    timeline: Timeline
    settings: EngineSettings
    noise: Noise

    def opening(self, keyframes: Tensor) -> Tensor:
        """Keyframes `t c h w` of window 0 to its first gap, `1 f c h w`, which belongs to no group."""
        return self._gaps(keyframes[:2], 0)

    def group(self, window: int, keyframes: Tensor) -> Tensor:
        """Keyframes `t c h w` of a window to the gaps `n f c h w` from its second to its last."""
        return self._gaps(keyframes[1:], self.timeline.first_keyframe(window) + 1)

    def stretch(self, window: int, before: Tensor, group: Tensor, keyframes: Tensor) -> Stretch:
        """Latents around a window: the gaps `before` it up to its first, its `group`, and its last keyframe."""
        gaps = torch.cat([before, group])
        latents = torch.cat([rearrange(gaps, "n f c h w -> (n f) c h w"), keyframes[-1:]])
        first_gap = self.timeline.first_keyframe(window) + 1 - len(before)
        return Stretch(latents, first_gap * self.timeline.frames_per_gap)

    def _gaps(self, keyframes: Tensor, first_gap: int) -> Tensor:
        factor = self.timeline.video.interpolation_factor
        shape = (factor + 1, *keyframes.shape[1:])
        return interpolate_gaps(
            self.stage,
            keyframes,
            first_gap,
            factor,
            self.settings.interpolation_passes,
            self.settings.interpolation,
            lambda regime, gap: self.noise(shape, "interpolation", regime, gap),
        )


def decoded_around(
    autoencoder: Autoencoder, latents: Stretch, wanted: range, margin: int, settings: EngineSettings
) -> Stretch:
    """The frames `wanted` of the future and, as far as there are latents, `margin` more on each side."""
    first = max(wanted.start - margin, latents.first)
    last = min(wanted.stop + margin, latents.first + len(latents.frames))
    inside = range(first - latents.first, last - latents.first)
    return Stretch(decode_frames(autoencoder, latents.frames, inside, settings.decoder_frames), first)
