"""The frames of a window from its keyframes: interpolate, decode, upsample.

Interpolation fills the gaps of the window and one more on each side, so that the temporal layers of the decoder and
of the upsampler see beyond the seams. The gap on the right lies between the last two keyframes of the window, which
the next window shares; the one on the left begins with a keyframe of the window before. So a window's frames depend
on committed keyframes, and on noise that is keyed by what it is for: windows can be rendered in any order, in any
process, and after a resume, to the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from drivesim.engine.decode import decode_frames
from drivesim.engine.interpolate import ConditionsOfGaps, interpolate_gaps
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.seeds import LatentNoise, RunNoise
from drivesim.engine.settings import EngineSettings
from drivesim.engine.timeline import Timeline
from drivesim.engine.upsample import upsample_blocks
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.upsampler import Upsampler


@dataclass(frozen=True)
class StageDone:
    """A step on the way to a window: which stage, what fraction of the window's work is done, the frames it made.

    `frames`: uint8 `t h w c`, the next frames of the window, after each block of the stage `upsample`; else None.
    """

    window: int
    stage: str
    fraction: float
    frames: np.ndarray | None = None


@dataclass(frozen=True)
class Renderer:
    """The stages between keyframes and frames, for one future."""

    interpolation: DiffusionStage
    decoder: Autoencoder
    upsampling: DiffusionStage
    upsampler: Upsampler
    timeline: Timeline
    settings: EngineSettings
    noise: RunNoise
    latent_noise: LatentNoise
    time_of_day: int
    conditions_of: ConditionsOfGaps

    def render(self, window: int, keyframes: Tensor, before: Tensor | None) -> Iterator[StageDone]:
        """Keyframes `t c h w` of a window, and the last keyframe `c h w` before them (None for window 0), to frames."""
        ends = keyframes if before is None else torch.cat([before[None], keyframes])
        first_gap = self.timeline.first_keyframe(window) - (0 if before is None else 1)
        latents = torch.cat([rearrange(self._gaps(ends, first_gap), "n f c h w -> (n f) c h w"), ends[-1:]])
        first = first_gap * self.timeline.frames_per_gap
        yield StageDone(window, "interpolate", 0.3)

        wanted, margin = self.timeline.frames(window), self.settings.upsampler.block_context
        around = range(max(wanted.start - margin, first), min(wanted.stop + margin, first + len(latents)))
        inside = range(around.start - first, around.stop - first)
        low_res = decode_frames(self.decoder, latents, inside, self.settings.decoder_frames)
        yield StageDone(window, "decode", 0.35)

        done, noise_of = 0, self._noise_of_frames
        blocks = upsample_blocks(
            self.upsampling, self.upsampler, low_res, around.start, wanted, self.settings.upsampler, noise_of
        )
        for frames in map(pixels, blocks):  # holds no block while the next one is made
            done += len(frames)
            yield StageDone(window, "upsample", 0.35 + 0.65 * done / len(wanted), frames)

    def _gaps(self, ends: Tensor, first_gap: int) -> Tensor:
        """`n+1 c h w` to `n f c h w`."""
        factor = self.timeline.video.interpolation_factor
        return interpolate_gaps(
            self.interpolation,
            ends,
            first_gap,
            factor,
            self.settings.interpolation_passes,
            self.settings.interpolation,
            self._noise_of_gap,
            self.time_of_day,
            self.conditions_of,
        )

    def _noise_of_gap(self, regime: int, gap: int) -> Tensor:
        factor = self.timeline.video.interpolation_factor
        frames = range(gap * factor, (gap + 1) * factor + 1)
        return torch.stack([self.latent_noise.frame(frame, regime + 1) for frame in frames])

    def _noise_of_frames(self, what: str, frames: range, shape: tuple[int, ...]) -> Tensor:
        return self.noise.of_frames(shape, frames, self.settings.upsampler.noise_correlation, "upsampler", what)


def pixels(frames: Tensor) -> np.ndarray:
    """`t 3 h w` in -1..1 to uint8 `t h w 3`."""
    scaled = ((frames + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return rearrange(scaled, "t c h w -> t h w c").contiguous().cpu().numpy()
