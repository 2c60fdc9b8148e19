from __future__ import annotations

import torch
from torch import Tensor

from drivesim.diffusion.guidance import Guide, guided


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


def weaker(x: Tensor, tau: Tensor) -> Tensor:
    return 2 * x - 1


def test_a_guide_of_the_same_denoiser_changes_nothing() -> None:
    plain = guided(conditional, unconditional, 2.5, rescale=0.7)(X, TAU)
    assert torch.equal(
        guided(conditional, unconditional, 2.5, rescale=0.7, guide=Guide(conditional, 3.0))(X, TAU), plain
    )


def test_a_guide_adds_to_the_other_guidance_what_its_fault_is_times_the_scale() -> None:
    plain = guided(conditional, unconditional, 2.5, rescale=0.7)(X, TAU)
    both = guided(conditional, unconditional, 2.5, rescale=0.7, guide=Guide(weaker, 3.0))(X, TAU)
    assert torch.allclose(both - plain, 2.0 * (conditional(X, TAU) - weaker(X, TAU)), atol=1e-5)


def test_a_guide_works_without_the_other_guidance_and_at_scale_one_is_not_called() -> None:
    alone = guided(conditional, never, 1.0, guide=Guide(weaker, 2.0))(X, TAU)
    assert torch.allclose(alone, 2 * conditional(X, TAU) - weaker(X, TAU), atol=1e-5)
    assert torch.equal(guided(conditional, never, 1.0, guide=Guide(never, 1.0))(X, TAU), conditional(X, TAU))


def test_a_guide_has_an_interval_of_its_own() -> None:
    plain = guided(conditional, unconditional, 2.5)(X, TAU)
    middle = guided(conditional, unconditional, 2.5, guide=Guide(weaker, 2.0, (400, 600)))(X, TAU)
    assert torch.equal(middle[[0, 2]], plain[[0, 2]])
    assert not torch.allclose(middle[1], plain[1])
    assert torch.equal(guided(conditional, unconditional, 2.5, guide=Guide(never, 2.0, (0, 5)))(X, TAU), plain)


def test_both_guidances_call_the_conditional_denoiser_once() -> None:
    calls = []

    def counted(x: Tensor, tau: Tensor) -> Tensor:
        calls.append(tau)
        return conditional(x, tau)

    guided(counted, unconditional, 2.5, guide=Guide(weaker, 2.0))(X, TAU)
    assert len(calls) == 1
