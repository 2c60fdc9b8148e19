"""A diffusion network that is ready to sample, and the choice of its solver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from drivesim.diffusion.denoiser import Denoise, Denoiser
from drivesim.diffusion.samplers import SamplerStep, ddim, dpm_solver_2m, final
from drivesim.engine.settings import SamplerSettings
from drivesim.models.conditioning import Conditioning

ConditionedNetwork = Callable[[Tensor, Tensor, Conditioning], Tensor]
"""(x_tau (b, ...), tau (b,), conditioning) -> prediction (b, ...)."""
Network = TypeVar("Network", bound=ConditionedNetwork)


@dataclass(frozen=True)
class DiffusionStage(Generic[Network]):
    """A network and the denoiser that says what its predictions mean."""

    network: Network
    denoiser: Denoiser

    def denoise(self, conditioning: Conditioning) -> Denoise:
        """Returns `(x_tau, tau) -> x0` under these conditions."""
        return self.denoiser.bind(lambda x, tau: self.network(x, tau, conditioning))

    def sample(self, denoise: Denoise, noise: Tensor, settings: SamplerSettings) -> Tensor:
        """Turns noise `(b, ...)` into a sample of the same shape."""
        return final(self.steps(denoise, noise, settings))

    def steps(self, denoise: Denoise, noise: Tensor, settings: SamplerSettings) -> Iterator[SamplerStep]:
        """Yields the steps from noise `(b, ...)` to a sample, which is the x0 of the last one."""
        solver = {"ddim": ddim, "dpm_solver_2m": dpm_solver_2m}[settings.sampler]
        return solver(denoise, noise, self.denoiser.schedule, settings.steps)
