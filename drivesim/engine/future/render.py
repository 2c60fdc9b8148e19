"""The frames of a window from its keyframes: interpolate, decode, upsample.

Interpolation fills the gaps of the window and one more on each side, so that the temporal layers of the decoder and
of the upsampler see beyond the seams. The gap on the right lies between the last two keyframes of the window, which
the next window shares; the one on the left begins with a keyframe of the window before. So the frames of a window
depend on committed keyframes and on noise that is keyed by its purpose: windows can be rendered in any order, in any
process, and after a resume, to the same bits.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from drivesim.engine.decode import decode_blocks, decode_frames
from drivesim.engine.future.interpolate import ConditionsOfGaps, interpolate_gaps
from drivesim.engine.future.timeline import Timeline
from drivesim.engine.future.windows import work_done
from drivesim.engine.making import Made, Making, made, reported, within
from drivesim.engine.networks import Networks
from drivesim.engine.seeds import LatentNoise
from drivesim.engine.settings import EngineSettings
from drivesim.engine.upsample import upsample_blocks
from drivesim.models.pixels import to_bytes


@dataclass(frozen=True)
class StageDone:
    """A step of the work on a window.

    Attributes:
        window: number of the window.
        stage: the stage that was run, or a part of it.
        fraction: part of the window's work that is done by now, 0 to 1.
        frames: uint8 `t h w c`, the next frames of the window, after each block of the stage `upsample`; else None.
    """

    window: int
    stage: str
    fraction: float
    frames: np.ndarray | None = None


@dataclass(frozen=True)
class Renderer:
    """The stages between keyframes and frames, for one future."""

    networks: Networks
    timeline: Timeline
    settings: EngineSettings
    noise: LatentNoise
    time_of_day: int
    conditions_of: ConditionsOfGaps

    def render(self, window: int, keyframes: Tensor, before: Tensor | None) -> Iterator[StageDone]:
        """Renders a window.

        Args:
            window: number of the window.
            keyframes: its keyframe latents `t c h w`.
            before: the latents `c h w` of the last keyframe before them; None for window 0.
        """
        making = within(self._latents(window, keyframes, before), work_done("predict"), work_done("interpolate"))
        latents, first = yield from steps_of_stage(window, "interpolate", making)

        wanted, margin = self.timeline.frames(window), self.settings.upsampler.block_context
        around = range(max(wanted.start - margin, first), min(wanted.stop + margin, first + len(latents)))
        inside = range(around.start - first, around.stop - first)
        decoded = []
        for block in decode_blocks(self.networks.decoder, latents, inside, self.settings.decoder_frames):
            decoded.append(block)
            yield StageDone(window, "decode", work_done("decode", sum(map(len, decoded)) / len(inside)))
        low_res = torch.cat(decoded)
        del decoded, block

        done, upsampler = 0, self.networks.upsampler
        blocks = upsample_blocks(
            upsampler, low_res, around.start, wanted, self.settings.upsampler, self._noise_of_frames
        )
        for frames in map(to_bytes, blocks):  # holds no block while the next one is made
            done += len(frames)
            yield StageDone(window, "upsample", work_done("upsample", done / len(wanted)), frames)

    def low_resolution(self, window: int, keyframes: Tensor, before: Tensor | None) -> np.ndarray:
        """Returns the frames of a window before the upsampler, uint8 `t h w c`; the arguments are those of `render`.

        Without interpolation these are keyframes, which are too far apart for the temporal decoder, so that the
        decoder of single pictures decodes them.
        """
        latents, first = made(self._latents(window, keyframes, before))
        wanted = self.timeline.frames(window)
        decoder = self.networks.decoder if self.settings.interpolation_passes else self.networks.autoencoder
        inside = range(wanted.start - first, wanted.stop - first)
        return to_bytes(decode_frames(decoder, latents, inside, self.settings.decoder_frames))

    def _latents(self, window: int, keyframes: Tensor, before: Tensor | None) -> Making[tuple[Tensor, int]]:
        """Makes the latents of the frames around a window, `t c h w`, and the number of the first of them."""
        ends = keyframes if before is None else torch.cat([before[None], keyframes])
        first_gap = self.timeline.first_keyframe(window) - (0 if before is None else 1)
        if not self.settings.interpolation_passes:
            yield 1.0
            return ends, first_gap
        filled = yield from self._gaps(ends, first_gap)
        latents = torch.cat([rearrange(filled, "n f c h w -> (n f) c h w"), ends[-1:]])
        return latents, first_gap * self.timeline.frames_per_gap

    def _gaps(self, ends: Tensor, first_gap: int) -> Making[Tensor]:
        """Fills the gaps between `n+1 c h w` to `n f c h w`."""
        return interpolate_gaps(
            self.networks.sampled("interpolation", self.settings),
            ends,
            first_gap,
            self.timeline.video.interpolation_factor,
            self.settings.interpolation_passes,
            self.settings.interpolation,
            self._noise_of_gap,
            self.time_of_day,
            self.conditions_of,
        )

    def _noise_of_gap(self, pass_: int, gap: int, step: int) -> Tensor:
        factor = self.timeline.video.interpolation_factor
        frames = range(gap * factor, (gap + 1) * factor + 1)
        noise = self.noise.of_step(step)
        return torch.stack([noise.frame(frame, pass_ + 1) for frame in frames])

    def _noise_of_frames(self, what: str, frames: range, shape: tuple[int, ...]) -> Tensor:
        correlation = self.settings.upsampler.noise_correlation
        return self.noise.noise.of_frames(shape, frames, correlation, "upsampler", what)


def steps_of_stage(window: int, stage: str, making: Making[Made]) -> Generator[StageDone, None, Made]:
    """Does the work of a stage; yields its steps with the fractions of the window, and returns what it has made."""
    return reported(making, partial(StageDone, window, stage))
