"""Interpolation: three latents between each two, once (T→4T) or twice (4T→16T) (Video LDM, Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from drivesim.diffusion.denoiser import holding
from drivesim.engine.making import Making, within
from drivesim.engine.sampling import DiffusionStage, NoiseOfStep
from drivesim.engine.settings import SamplerSettings
from drivesim.models.conditioning import UNKNOWN, Conditioning, ContextFrames

NoiseOfGap = Callable[[int, int, int], Tensor]
"""(pass, index of the gap, counted over the future at that pass's frame rate, number of a student's step, from 0)
-> noise `t c h w` of its clip."""
ConditionsOfGaps = Callable[[int, range], Conditioning]
"""(pass, gaps, counted as above) -> vehicles and road in the frames of their clips, one sample per gap."""


def interpolate_gaps(
    interpolation: DiffusionStage[Any],
    keyframes: Tensor,
    first_gap: int,
    factor: int,
    passes: int,
    settings: SamplerSettings,
    noise_of: NoiseOfGap,
    time_of_day: int = UNKNOWN,
    conditions_of: ConditionsOfGaps = lambda pass_, gaps: Conditioning(),
    first_pass: int = 0,
) -> Making[Tensor]:
    """Fills the gaps between keyframes `n+1 c h w` with latents `n f c h w`, where f = factor^passes.

    Each gap begins with its left keyframe, bit for bit, and ends before its right one.

    Args:
        interpolation: the stage.
        keyframes: both ends of each gap.
        first_gap: number of the first gap, counted over the future.
        factor: number of frames that one pass makes per gap.
        passes: number of passes.
        settings: the sampler.
        noise_of: noise of each clip.
        time_of_day: label of the scene, or `UNKNOWN`.
        conditions_of: boxes of steered vehicles, and the road.
        first_pass: number of the first pass; 1 if the keyframes are as close as the first pass makes them.
    """
    ends, gap, done = keyframes, first_gap, 0.0
    work = sum(factor**number for number in range(passes))
    for pass_ in range(first_pass, first_pass + passes):
        gaps = range(gap, gap + len(ends) - 1)
        noise_of_step = partial(_noise_of_gaps, noise_of, pass_, gaps, ends.device)
        scene = _scene(ends, pass_, time_of_day, conditions_of(pass_, gaps))
        part = factor ** (pass_ - first_pass) / work
        clips = yield from within(_clips(interpolation, ends, noise_of_step, scene, settings), done, done + part)
        done += part
        ends = torch.cat([rearrange(clips[:, :factor], "n f c h w -> (n f) c h w"), ends[-1:]])
        gap *= factor
    return rearrange(ends[:-1], "(n f) c h w -> n f c h w", f=factor**passes)


def _noise_of_gaps(noise_of: NoiseOfGap, pass_: int, gaps: range, device: torch.device, step: int) -> Tensor:
    """The noise of the clips of gaps in a step, `n t c h w`."""
    return torch.stack([noise_of(pass_, gap, step) for gap in gaps]).to(device)


def _scene(ends: Tensor, pass_: int, time_of_day: int, steered: Conditioning) -> Conditioning:
    """The conditions of all clips of a pass between `ends` `n+1 c h w`, apart from these."""
    frame_rate, time = (torch.full((len(ends) - 1,), label) for label in (pass_, time_of_day))
    return replace(steered, frame_rate=frame_rate, time_of_day=time).to(ends.device)


def _clips(
    interpolation: DiffusionStage[Any],
    ends: Tensor,
    noise_of_step: NoiseOfStep,
    scene: Conditioning,
    settings: SamplerSettings,
) -> Making[Tensor]:
    """Turns ends `n+1 c h w` and noise `n t c h w` into clips `n t c h w` whose first and last frames are the ends."""
    noise = noise_of_step(0)
    latents, mask = torch.zeros_like(noise), torch.zeros(noise.shape[:2], dtype=torch.bool, device=noise.device)
    latents[:, 0], latents[:, -1] = ends[:-1], ends[1:]
    mask[:, 0] = mask[:, -1] = True
    context = ContextFrames(latents, mask)
    denoise = interpolation.denoise(replace(scene, context=context))
    denoise = holding(denoise, context.latents, context.mask)
    return (yield from interpolation.sample(denoise, noise, settings, noise_of_step))
