from __future__ import annotations

import torch
from torch import Tensor

from drivesim.diffusion.guidance import guided


def conditional(x: Tensor, tau: Tensor) -> Tensor:
    return 3 * x


def unconditional(x: Tensor, tau: Tensor) -> Tensor:
    return x + 1


def never(x: Tensor, tau: Tensor) -> Tensor:
    raise AssertionError("the unconditional denoiser should not have been called")


X = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
TAU = torch.tensor([10, 500, 900])


def test_scale_one_is_the_conditional_denoiser_and_calls_no_other() -> None:
    assert torch.equal(guided(conditional, never, 1.0)(X, TAU), conditional(X, TAU))


def test_scale_zero_is_the_unconditional_denoiser() -> None:
    assert torch.equal(guided(conditional, unconditional, 0.0)(X, TAU), unconditional(X, TAU))


def test_guidance_extrapolates_as_in_equation_4() -> None:
    expected = unconditional(X, TAU) + 2.5 * (conditional(X, TAU) - unconditional(X, TAU))
    assert torch.allclose(guided(conditional, unconditional, 2.5)(X, TAU), expected, atol=1e-5)


def test_each_sample_is_guided_only_inside_the_interval() -> None:
    everywhere = guided(conditional, unconditional, 2.5)(X, TAU)
    inside = guided(conditional, unconditional, 2.5, tau_interval=(500, 800))(X, TAU)
    assert torch.equal(inside[[0, 2]], conditional(X, TAU)[[0, 2]])
    assert torch.equal(inside[1], everywhere[1])


def test_outside_of_the_interval_only_the_conditional_denoiser_is_called() -> None:
    assert torch.equal(guided(conditional, never, 2.5, tau_interval=(0, 5))(X, TAU), conditional(X, TAU))


def test_rescaled_guidance_has_the_spread_of_the_conditional_x0() -> None:
    plain, whole = (guided(conditional, unconditional, 2.5, rescale=r)(X, TAU) for r in (0.0, 1.0))
    half = guided(conditional, unconditional, 2.5, rescale=0.5)(X, TAU)
    spread = [x.flatten(1).std(1) for x in (plain, whole, conditional(X, TAU))]
    assert torch.allclose(spread[1], spread[2], atol=1e-5)
    assert not torch.allclose(spread[0], spread[2], atol=1e-2)
    assert torch.allclose(half, (plain + whole) / 2, atol=1e-5)
