from __future__ import annotations

import pytest
import torch

from drivesim.diffusion.parametrization import Epsilon, Parametrization, Sample, Velocity, parametrization_named


@pytest.mark.parametrize("parametrization", [Epsilon(), Velocity(), Sample()])
@pytest.mark.parametrize("alpha", [0.9999, 0.7, 0.001])
def test_x0_is_recovered_from_the_target(parametrization: Parametrization, alpha: float) -> None:
    level = torch.tensor(alpha, dtype=torch.float64)
    sigma = (1 - level**2).sqrt()
    x0, noise = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = parametrization.target(x0, noise, level, sigma)
    assert torch.allclose(parametrization.denoised(level * x0 + sigma * noise, target, level, sigma), x0)


def test_names() -> None:
    assert parametrization_named("epsilon") == Epsilon()
    assert parametrization_named("velocity") == Velocity()
    assert parametrization_named("sample") == Sample()
    with pytest.raises(ValueError, match=r"'score'.*'epsilon', 'velocity' or 'sample'"):
        parametrization_named("score")
