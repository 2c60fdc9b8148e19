"""Guidance: classifier-free and context guidance are one function of two denoisers."""

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
    """A denoiser that goes `scale` times the way from the unconditional to the conditional x0 (Video LDM, Eq. 4).

    Eq. 4 speaks of the network's output; x0 is affine in it, so that guiding x0 is the same. Which condition the
    second denoiser lacks makes it classifier-free guidance or context guidance.

    tau_interval: first and last tau (both included) that are guided; the others are conditional. None: all.
    rescale: how far the standard deviation of each guided x0 is taken back to that of the conditional one, 0 to 1
        (Lin et al., 2024, Eq. 15 and 16): guidance adds contrast, and in a rollout it would add up.
    Where no sample is guided only the conditional denoiser is called, at half the cost; so too if scale is 1.
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
