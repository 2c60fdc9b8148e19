"""Prediction: a window of keyframes that continues one or two known ones, in latents (Video LDM, Sec. 3.2)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise
from drivesim.diffusion.guidance import guided
from drivesim.engine.conditions import GUIDED
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import EngineSettings
from drivesim.models.conditioning import Conditioning, ContextFrames


def predict_window(
    prediction: DiffusionStage, known: Tensor, told: Conditioning, settings: EngineSettings, noise: Tensor
) -> Tensor:
    """Known first keyframes `s c h w`, what is told of one sample, noise `t c h w`, to keyframes `t c h w`.

    The result begins with the known keyframes, bit for bit. Context guidance (Eq. 4) and classifier-free guidance
    on boxes and labels are nested: three calls a step with both, two with one, one with neither.
    """
    context = held_context(dict(enumerate(known)), noise)
    conditions = replace(told, context=context).to(noise.device)
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
    """Context of one sample among `t` frames shaped as `like` `t c h w`: frames `c h w` by their place."""
    latents, mask = torch.zeros_like(like), torch.zeros(len(like), dtype=torch.bool, device=like.device)
    for place, frame in known.items():
        latents[place], mask[place] = frame, True
    return ContextFrames(latents[None], mask[None])


def holding(denoise: Denoise, context: ContextFrames) -> Denoise:
    """A denoiser whose x0 is exact at the known frames, so that the sampler noises what is true there."""
    mask = context.mask[:, :, None, None, None]

    def denoise_unknown(x: Tensor, tau: Tensor) -> Tensor:
        return torch.where(mask, context.latents, denoise(x, tau))

    return denoise_unknown
