from __future__ import annotations

import pytest
import torch
from torch import Tensor

from drivesim.diffusion.reconstruction import reconstructed
from drivesim.diffusion.samplers import ddim, final
from drivesim.diffusion.schedule import Schedule, expand_like

COSINE = Schedule.cosine()


def gaussian(x: Tensor, tau: Tensor) -> Tensor:
    """Ideal denoiser of data that is standard normal."""
    return expand_like(COSINE.alpha(tau), x) * x


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_from_pure_noise_it_is_the_sampler(steps: int) -> None:
    noise, last = drawn(3, 2, 4), torch.full((3,), COSINE.num_steps - 1)
    made = reconstructed(gaussian, torch.zeros(3, 2, 4), noise, last, COSINE, steps)
    expected = final(ddim(gaussian, COSINE.diffuse(torch.zeros(3, 2, 4), noise, last), COSINE, steps))
    assert torch.allclose(made, expected, atol=2e-3)


@pytest.mark.parametrize("steps", [1, 3])
def test_samples_are_the_further_from_the_clean_ones_the_more_noise_they_had(steps: int) -> None:
    tau, clean = torch.tensor([0, 200, 500, 900]), drawn(1, 2000).expand(4, -1)
    made = reconstructed(gaussian, clean, drawn(1, 2000, seed=1).expand(4, -1), tau, COSINE, steps)
    errors = (made - clean).square().mean(1).tolist()
    assert errors == sorted(errors)
    assert errors[0] < 1e-3
    assert errors[-1] > 0.5


def test_each_step_calls_the_denoiser_once_at_the_time_of_each_sample() -> None:
    seen: list[list[int]] = []

    def denoise(x: Tensor, tau: Tensor) -> Tensor:
        seen.append(tau.tolist())
        return x

    reconstructed(denoise, drawn(2, 3), drawn(2, 3, seed=1), torch.tensor([800, 100]), COSINE, 4)
    assert seen == [[800, 100], [600, 75], [400, 50], [200, 25]]
