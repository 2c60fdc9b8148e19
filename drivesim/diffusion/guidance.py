"""Guidance: classifier-free guidance and context guidance are one function of two denoisers."""

from __future__ import annotations

import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise
from drivesim.diffusion.schedule import expand_like


def guided(
    denoise_conditional: Denoise,
    denoise_unconditional: Denoise,
    scale: float,
    tau_interval: tuple[int, int] | None = None,
    rescale: float = 0.0,
) -> Denoise:
    """Returns a denoiser that goes `scale` times the way from the unconditional to the conditional x0.

    This is Eq. 4 of Video LDM, which speaks of the output of the network; x0 is affine in it, so that guiding x0 is
    the same. It is classifier-free guidance or context guidance, depending on which condition the second denoiser
    lacks. If no sample is guided, or the scale is 1, only the conditional denoiser is called, at half the cost.

    Args:
        denoise_conditional: The denoiser with all conditions.
        denoise_unconditional: The denoiser without those that guidance strengthens.
        scale: Weight of the guidance; 1 changes nothing.
        tau_interval: First and last tau that are guided, both included; None guides all of them.
        rescale: How far the standard deviation of each guided x0 is taken back to that of the conditional one, 0 to 1
            (Lin et al., 2024, Eq. 15 and 16). Guidance adds contrast, which would add up over a rollout.
    """
    if scale == 1:
        return denoise_conditional

    def denoise(x_tau: Tensor, tau: Tensor) -> Tensor:
        conditional = denoise_conditional(x_tau, tau)
        if tau_interval is None:
            inside = torch.ones_like(tau, dtype=torch.bool)
        else:
            inside = (tau >= tau_interval[0]) & (tau <= tau_interval[1])
            if not inside.any():
                return conditional
        unconditional = denoise_unconditional(x_tau, tau)
        x0 = torch.lerp(unconditional, conditional, scale)
        if rescale:
            x0 = x0 * expand_like(1 + rescale * (_spread(conditional) / _spread(x0) - 1), x_tau)
        return torch.where(expand_like(inside, x_tau), x0, conditional)

    return denoise


def _spread(x0: Tensor) -> Tensor:
    """The standard deviation of each sample (b, ...), above zero: (b,)."""
    return x0.flatten(1).std(1).clamp(min=1e-6)
