"""A diffusion network that is ready to sample, and the choice of its solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from drivesim.diffusion.denoiser import Denoise, Denoiser
from drivesim.diffusion.samplers import ddim, dpm_solver_2m, final
from drivesim.engine.settings import SamplerSettings
from drivesim.models.conditioning import Conditioning

ConditionedNetwork = Callable[[Tensor, Tensor, Conditioning], Tensor]
"""(x_tau (b, ...), tau (b,), conditioning) -> prediction (b, ...)."""


@dataclass(frozen=True)
class DiffusionStage:
    """A network and what its predictions mean."""

    network: ConditionedNetwork
    denoiser: Denoiser

    def denoise(self, conditioning: Conditioning) -> Denoise:
        """`(x_tau, tau) -> x0` under these conditions."""
        return self.denoiser.bind(lambda x, tau: self.network(x, tau, conditioning))

    def sample(self, denoise: Denoise, noise: Tensor, settings: SamplerSettings) -> Tensor:
        """From noise `(b, ...)` to a sample like it."""
        solver = {"ddim": ddim, "dpm_solver_2m": dpm_solver_2m}[settings.sampler]
        return final(solver(denoise, noise, self.denoiser.schedule, settings.steps))
