"""Guidance: classifier-free guidance and context guidance are one function of two denoisers; a guide may be a third."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise
from drivesim.diffusion.schedule import expand_like

TauInterval = tuple[int, int]
"""The first and the last tau that are guided, both included."""


@dataclass(frozen=True)
class Guide:
    """A weaker denoiser under the same conditions, whose faults samples are led away from.

    Karras et al., 2024, "Guiding a Diffusion Model with a Bad Version of Itself". A smaller model that was trained for
    less time makes the same errors, but larger ones.

    Attributes:
        denoise: The weaker denoiser.
        scale: Weight of the guidance; 1 changes nothing.
        tau_interval: The diffusion times that are guided; None guides all of them.
    """

    denoise: Denoise
    scale: float
    tau_interval: TauInterval | None = None


def guided(
    denoise_conditional: Denoise,
    denoise_unconditional: Denoise,
    scale: float,
    tau_interval: TauInterval | None = None,
    rescale: float = 0.0,
    guide: Guide | None = None,
) -> Denoise:
    """Returns a denoiser that goes `scale` times the way from the unconditional to the conditional x0.

    This is Eq. 4 of Video LDM, which speaks of the output of the network; x0 is affine in it, so that guiding x0 is
    the same. It is classifier-free guidance or context guidance, depending on which condition the second denoiser
    lacks. If no sample is guided, or the scale is 1, only the conditional denoiser is called, at half the cost.

    A guide is nested with it: its guidance is added to the result, and so is neither strengthened nor rescaled by the
    other. The conditional denoiser is called once for both.

    Args:
        denoise_conditional: The denoiser with all conditions.
        denoise_unconditional: The denoiser without those that guidance strengthens.
        scale: Weight of the guidance; 1 changes nothing.
        tau_interval: First and last tau that are guided, both included; None guides all of them.
        rescale: How far the standard deviation of each guided x0 is taken back to that of the conditional one, 0 to 1
            (Lin et al., 2024, Eq. 15 and 16). Guidance adds contrast, which would add up over a rollout.
        guide: A weaker denoiser; None for no autoguidance.
    """
    if scale == 1 and guide is None:
        return denoise_conditional

    def denoise(x_tau: Tensor, tau: Tensor) -> Tensor:
        x0 = conditional = denoise_conditional(x_tau, tau)
        inside = _inside(tau, tau_interval)
        if scale != 1 and inside.any():
            strengthened = torch.lerp(denoise_unconditional(x_tau, tau), conditional, scale)
            if rescale:
                factor = 1 + rescale * (_spread(conditional) / _spread(strengthened) - 1)
                strengthened = strengthened * expand_like(factor, x_tau)
            x0 = torch.where(expand_like(inside, x_tau), strengthened, conditional)
        if guide is not None and guide.scale != 1:
            inside = _inside(tau, guide.tau_interval)
            if inside.any():
                away = (guide.scale - 1) * (conditional - guide.denoise(x_tau, tau))
                x0 = torch.where(expand_like(inside, x_tau), x0 + away, x0)
        return x0

    return denoise


def _inside(tau: Tensor, interval: TauInterval | None) -> Tensor:
    """Whether each sample is guided, `(b,)`."""
    if interval is None:
        return torch.ones_like(tau, dtype=torch.bool)
    return (tau >= interval[0]) & (tau <= interval[1])


def _spread(x0: Tensor) -> Tensor:
    """The standard deviation of each sample (b, ...), above zero: (b,)."""
    return x0.flatten(1).std(1).clamp(min=1e-6)
