"""At which diffusion times a network is trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from drivesim.diffusion.schedule import Schedule


@dataclass(frozen=True)
class TimeDistribution:
    """Diffusion times whose log-SNR is normally distributed, mixed with uniform ones.

    Most is learnt at medium noise: with little noise there is almost nothing to predict, and with much noise little
    can be predicted. For data of unit variance, the defaults of `mean` and `std` are those of EDM2 for latents (Karras
    et al., 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models", Table 6: -0.4 and 1.0 for data of
    standard deviation 0.5). Uniform times keep the ends in training, because every sample starts from pure noise, which
    the normal distribution hardly ever draws.

    Attributes:
        uniform_share: Fraction of the times that are uniform, 0 to 1.
        mean: Mean of `ln(sigma / alpha)` of the other times.
        std: Standard deviation of it.
    """

    uniform_share: float = 0.2
    mean: float = 0.3
    std: float = 1.0

    def draw(self, schedule: Schedule, count: int, generator: torch.Generator) -> Tensor:
        """Draws `count` diffusion times of a schedule, int64 on the CPU."""
        uniform = torch.randint(schedule.num_steps, (count,), generator=generator)
        if self.uniform_share == 1:
            return uniform
        log_snr = -2 * (self.mean + self.std * torch.randn(count, generator=generator, dtype=torch.float64))
        normal = torch.searchsorted(-schedule.log_snr_table, -log_snr).clamp(max=schedule.num_steps - 1)
        return torch.where(torch.rand(count, generator=generator) < self.uniform_share, uniform, normal)


UNIFORM = TimeDistribution(uniform_share=1.0)
"""All diffusion times alike: held-out losses are measured at these, so that they stay comparable."""
