"""Prediction: a window of keyframes that continues one or two known ones, in latents (Video LDM, Sec. 3.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise
from drivesim.diffusion.guidance import guided
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import EngineSettings
from drivesim.models.conditioning import Conditioning, ContextFrames
from drivesim.models.guidance import GUIDED


def predict_window(
    prediction: DiffusionStage[Any], known: Tensor, scene: Conditioning, settings: EngineSettings, noise: Tensor
) -> Tensor:
    """Predicts the keyframes `t c h w` of a window, which begin with the known ones, bit for bit.

    Context guidance (Eq. 4) and classifier-free guidance on boxes and labels are nested: three network calls per step
    with both, two with one, one with neither.

    Args:
        prediction: the stage.
        known: the first keyframes `s c h w`.
        scene: the conditions of one sample, apart from the context frames.
        settings: sampler and guidance.
        noise: noise `t c h w`.
    """
    context = held_context(dict(enumerate(known)), noise)
    conditions = replace(scene, context=context).to(noise.device)
    labelled = guided(
        prediction.denoise(conditions), prediction.denoise(conditions.drop(*GUIDED)), settings.scene_guidance
    )
    denoise = guided(
        labelled,
        prediction.denoise(conditions.drop("context")),
        settings.context_guidance,
        rescale=settings.guidance_rescale,
    )
    return prediction.sample(holding(denoise, context), noise[None], settings.prediction)[0]


def held_context(known: dict[int, Tensor], like: Tensor) -> ContextFrames:
    """Returns the context of one sample of `t` frames, shaped as `like` `t c h w`; `known` maps places to frames."""
    latents, mask = torch.zeros_like(like), torch.zeros(len(like), dtype=torch.bool, device=like.device)
    for place, frame in known.items():
        latents[place], mask[place] = frame, True
    return ContextFrames(latents[None], mask[None])


def holding(denoise: Denoise, context: ContextFrames) -> Denoise:
    """Returns a denoiser whose x0 is exact at the known frames, so that the sampler adds noise to the truth there."""
    mask = context.mask[:, :, None, None, None]

    def denoise_unknown(x: Tensor, tau: Tensor) -> Tensor:
        return torch.where(mask, context.latents, denoise(x, tau))

    return denoise_unknown
