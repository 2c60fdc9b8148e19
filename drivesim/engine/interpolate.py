"""Interpolation: three latents between each two, once (T→4T) or twice (4T→16T) (Video LDM, Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor

from drivesim.engine.predict import holding
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import SamplerSettings
from drivesim.models.conditioning import UNKNOWN, Conditioning, ContextFrames

NoiseOfGap = Callable[[int, int], Tensor]
"""(pass, index of the gap, counted over the future at that pass's rate) -> noise `t c h w` of its clip."""
ConditionsOfGaps = Callable[[int, range], Conditioning]
"""(pass, gaps, counted as above) -> vehicles and road in the frames of their clips, one sample per gap."""


def interpolate_gaps(
    interpolation: DiffusionStage,
    keyframes: Tensor,
    first_gap: int,
    factor: int,
    passes: int,
    settings: SamplerSettings,
    noise_of: NoiseOfGap,
    time_of_day: int = UNKNOWN,
    conditions_of: ConditionsOfGaps = lambda regime, gaps: Conditioning(),
) -> Tensor:
    """Keyframes `n+1 c h w`, the first of them at the left of gap `first_gap`, to `n f c h w` with f = factor^passes.

    Each gap begins with its left keyframe, bit for bit, and ends before its right one. `time_of_day` is the label of
    the scene, or `UNKNOWN`; `conditions_of` steers vehicles and says where the road is.
    """
    ends, gap = keyframes, first_gap
    for regime in range(passes):
        noise = torch.stack([noise_of(regime, gap + i) for i in range(len(ends) - 1)]).to(ends.device)
        told = _told(noise, regime, time_of_day, conditions_of(regime, range(gap, gap + len(ends) - 1)))
        clips = _clips(interpolation, ends, noise, told, settings)
        ends = torch.cat([rearrange(clips[:, :factor], "n f c h w -> (n f) c h w"), ends[-1:]])
        gap *= factor
    return rearrange(ends[:-1], "(n f) c h w -> n f c h w", f=factor**passes)


def _told(noise: Tensor, regime: int, time_of_day: int, steered: Conditioning) -> Conditioning:
    """What all clips `n` of a pass are told, but for their ends."""
    frame_rate, time = (torch.full((len(noise),), label) for label in (regime, time_of_day))
    return replace(steered, frame_rate=frame_rate, time_of_day=time).to(noise.device)


def _clips(
    interpolation: DiffusionStage, ends: Tensor, noise: Tensor, told: Conditioning, settings: SamplerSettings
) -> Tensor:
    """Ends `n+1 c h w`, noise `n t c h w`, to clips `n t c h w` whose first and last frames are the ends."""
    latents, mask = torch.zeros_like(noise), torch.zeros(noise.shape[:2], dtype=torch.bool, device=noise.device)
    latents[:, 0], latents[:, -1] = ends[:-1], ends[1:]
    mask[:, 0] = mask[:, -1] = True
    context = ContextFrames(latents, mask)
    denoise = interpolation.denoise(replace(told, context=context))
    return interpolation.sample(holding(denoise, context), noise, settings)
