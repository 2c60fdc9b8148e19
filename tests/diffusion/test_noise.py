from __future__ import annotations

import pytest
import torch

from drivesim.diffusion.noise import around_first, chain, correlated


def correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].item()


@pytest.fixture
def own() -> torch.Tensor:
    return torch.randn(4, 5, 8, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("wanted", [0.0, 0.5, 0.9])
def test_noise_has_the_correlation_asked_for_and_unit_variance(own: torch.Tensor, wanted: float) -> None:
    noise = correlated(own[:, 0], own[:, 1], wanted)
    assert correlation(noise, own[:, 0]) == pytest.approx(wanted, abs=0.01)
    assert noise.std().item() == pytest.approx(1, abs=0.01)


def test_in_a_chain_correlation_falls_with_distance(own: torch.Tensor) -> None:
    noise = chain(own, 0.8)
    assert torch.equal(noise[:, 0], own[:, 0])
    for place in range(1, 5):
        assert correlation(noise[:, 0], noise[:, place]) == pytest.approx(0.8**place, abs=0.01)
        assert noise[:, place].std().item() == pytest.approx(1, abs=0.01)


def test_around_the_first_all_are_equally_near_to_it(own: torch.Tensor) -> None:
    noise = around_first(own, 0.9)
    for place in range(1, 5):
        assert correlation(noise[:, 0], noise[:, place]) == pytest.approx(0.9, abs=0.01)
    assert correlation(noise[:, 1], noise[:, 4]) == pytest.approx(0.81, abs=0.01)
