"""Prediction: a window of keyframes that continues one or two known ones, in latents (Video LDM, Sec. 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise, holding
from drivesim.diffusion.guidance import guided
from drivesim.diffusion.samplers import SamplerStep
from drivesim.engine.sampling import DiffusionStage, NoiseOfStep
from drivesim.engine.settings import EngineSettings
from drivesim.models.conditioning import Conditioning, ContextFrames
from drivesim.models.guidance import GUIDED


def predict_window(
    prediction: DiffusionStage[Any],
    known: Tensor,
    scene: Conditioning,
    settings: EngineSettings,
    noise: Tensor,
    context_noise: Tensor | None = None,
    noise_of_step: NoiseOfStep | None = None,
) -> Iterator[SamplerStep]:
    """Predicts the keyframes of a window, which begin with the known ones, bit for bit.

    Yields the steps of the sampler; the x0 `1 t c h w` of the last one are the keyframes.

    Context guidance (Eq. 4) and classifier-free guidance on boxes and labels are nested: three network calls per step
    with both, two with one, one with neither. A student is not guided, but the teacher that makes its first steps is.

    Args:
        prediction: the stage.
        known: the first keyframes `s c h w`.
        scene: the conditions of one sample, apart from the context frames.
        settings: sampler, guidance, and the strength of the noise on the context.
        noise: noise `t c h w`.
        context_noise: noise `s c h w` of the context; None for a network that is not conditioned on its strength.
        noise_of_step: noise `1 t c h w` of the further steps of a student.
    """
    held = held_context(known, noise)
    context = held if context_noise is None else with_noise(held, context_noise, settings.context_noise)
    conditions = replace(scene, context=context).to(noise.device)

    def denoiser(stage: DiffusionStage[Any]) -> Denoise:
        denoise = stage.denoise(conditions)
        if not stage.is_student:
            denoise = guided(denoise, stage.denoise(conditions.drop(*GUIDED)), settings.scene_guidance)
            without_context = stage.denoise(conditions.drop("context"))
            denoise = guided(denoise, without_context, settings.context_guidance, rescale=settings.guidance_rescale)
        return holding(denoise, held.latents, held.mask)

    before = None if prediction.teacher is None else denoiser(prediction.teacher)
    yield from prediction.steps(denoiser(prediction), noise[None], settings.prediction, noise_of_step, before)


def held_context(known: Tensor, like: Tensor) -> ContextFrames:
    """Returns the context of one sample of `t` frames, shaped as `like` `t c h w`, that begins with `known` frames."""
    latents, mask = torch.zeros_like(like), torch.zeros(len(like), dtype=torch.bool, device=like.device)
    latents[: len(known)], mask[: len(known)] = known, True
    return ContextFrames(latents[None], mask[None])


def with_noise(context: ContextFrames, noise: Tensor, level: float) -> ContextFrames:
    """Adds `level` times the noise `s c h w` to the first frames of the context of one sample."""
    latents = context.latents.clone()
    latents[0, : len(noise)] += level * noise
    return ContextFrames(latents, context.mask, torch.tensor([level], device=noise.device))
