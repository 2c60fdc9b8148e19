"""A denoiser joins schedule and parametrization; it knows no network and no conditioning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from drivesim.diffusion.parametrization import Parametrization
from drivesim.diffusion.schedule import Schedule, expand_like

Network = Callable[[Tensor, Tensor], Tensor]
"""Maps x_tau `(b, ...)` and tau `(b,)` to a prediction `(b, ...)`; its conditioning is bound already."""

Denoise = Callable[[Tensor, Tensor], Tensor]
"""Maps x_tau `(b, ...)` and tau `(b,)` to x0 `(b, ...)`: all that guidance and samplers see of a model."""


@dataclass(frozen=True)
class Denoiser:
    """What a network is trained on, and what its predictions mean.

    Attributes:
        schedule: The noise schedule.
        parametrization: What the network predicts.
        min_snr_gamma: Ceiling of the signal-to-noise ratio in the weight of the loss; None weights all tau alike.
    """

    schedule: Schedule
    parametrization: Parametrization
    min_snr_gamma: float | None = None

    def training_pair(self, x0: Tensor, noise: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the input x_tau and the target of the network (Video LDM, Eq. 1).

        Args:
            x0: Clean samples `(b, ...)`.
            noise: Standard normal noise `(b, ...)`.
            tau: Diffusion time of each sample, `(b,)`.
        """
        alpha, sigma = self._levels(x0, tau)
        return alpha * x0 + sigma * noise, self.parametrization.target(x0, noise, alpha, sigma)

    def denoised(self, x_tau: Tensor, prediction: Tensor, tau: Tensor) -> Tensor:
        """Returns the x0 `(b, ...)` that a prediction `(b, ...)` at x_tau `(b, ...)` and tau `(b,)` stands for."""
        return self.parametrization.denoised(x_tau, prediction, *self._levels(x_tau, tau))

    def loss_weight(self, tau: Tensor) -> Tensor:
        """Returns the factor `(b,)` of the squared error of each sample against its target.

        With min_snr_gamma the error of x0 counts `min(snr, gamma)` times, whatever the network predicts
        (Hang et al., 2023, Eq. 8). An error of the prediction moves x0 by a factor that follows from the
        parametrization: sigma / alpha for epsilon, sigma for velocity.
        """
        if self.min_snr_gamma is None:
            return torch.ones(tau.shape, device=tau.device)
        zero, one = torch.zeros(tau.shape, device=tau.device), torch.ones(tau.shape, device=tau.device)
        x0_error = self.parametrization.denoised(zero, one, self.schedule.alpha(tau), self.schedule.sigma(tau))
        return self.schedule.log_snr(tau).exp().clamp(max=self.min_snr_gamma) * x0_error.square()

    def bind(self, network: Network) -> Denoise:
        """Returns the function `(x_tau, tau) -> x0` of a network `(x_tau, tau) -> prediction`."""

        def denoise(x_tau: Tensor, tau: Tensor) -> Tensor:
            return self.denoised(x_tau, network(x_tau, tau), tau)

        return denoise

    def _levels(self, x: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
        return expand_like(self.schedule.alpha(tau), x), expand_like(self.schedule.sigma(tau), x)


def holding(denoise: Denoise, frames: Tensor, known: Tensor) -> Denoise:
    """Returns a denoiser whose x0 is exact at known frames, so that a sampler adds noise to the truth there.

    Args:
        denoise: A denoiser of clips `b t c h w`.
        frames: Clips `b t c h w` of which the known frames count.
        known: Which frames are known, bool `b t`.
    """

    def denoise_unknown(x: Tensor, tau: Tensor) -> Tensor:
        return torch.where(known[..., None, None, None], frames, denoise(x, tau))

    return denoise_unknown
