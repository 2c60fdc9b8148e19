"""Reconstructions: samples with some noise, denoised again in few steps, so that they show a model's own errors."""

from __future__ import annotations

from torch import Tensor

from drivesim.diffusion.denoiser import Denoise
from drivesim.diffusion.schedule import Schedule, expand_like


def reconstructed(
    denoise: Denoise, clean: Tensor, noise: Tensor, tau: Tensor, schedule: Schedule, num_steps: int
) -> Tensor:
    """Adds noise to clean samples and removes it in a few steps of DDIM (Song et al., 2021, Eq. 12 with eta 0).

    Args:
        denoise: The denoiser.
        clean: Clean samples `(b, ...)`.
        noise: Standard normal noise `(b, ...)`.
        tau: The diffusion time from which each sample is denoised, `(b,)`.
        schedule: The noise schedule.
        num_steps: Number of calls of the denoiser, at least 1.

    Returns:
        Samples `(b, ...)`, the further from the clean ones the higher their tau.
    """
    x = schedule.diffuse(clean, noise, tau)
    for step in range(num_steps):
        now, following = (tau * (num_steps - i) // num_steps for i in (step, step + 1))
        x0 = denoise(x, now)
        if step + 1 == num_steps:
            break
        alpha, sigma, next_alpha, next_sigma = (
            expand_like(level(time), x) for time in (now, following) for level in (schedule.alpha, schedule.sigma)
        )
        x = next_alpha * x0 + next_sigma / sigma * (x - alpha * x0)
    return x0
