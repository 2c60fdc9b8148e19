"""Samplers against ideal denoisers: distributions whose E[x0 | x_tau] and probability flow are known exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise, Denoiser
from drivesim.diffusion.parametrization import Epsilon, Velocity
from drivesim.diffusion.samplers import (
    SamplerStep,
    Solving,
    ddim,
    dpm_solver_2m,
    final,
    renoising,
    sampling_taus,
    taking_over,
)
from drivesim.diffusion.schedule import Schedule, expand_like

COSINE = Schedule.cosine()
BOTH_SAMPLERS = pytest.mark.parametrize("sampler", [ddim, dpm_solver_2m])
MEAN, DEVIATION = 0.7, 0.3


def levels(x: Tensor, tau: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    return expand_like(schedule.alpha(tau), x), expand_like(schedule.sigma(tau), x)


def gaussian(schedule: Schedule = COSINE) -> Denoise:
    """Ideal denoiser of data that is N(MEAN, DEVIATION^2) in every pixel."""

    def denoise(x: Tensor, tau: Tensor) -> Tensor:
        alpha, sigma = levels(x, tau, schedule)
        gain = alpha * DEVIATION**2 / ((alpha * DEVIATION) ** 2 + sigma**2)
        return MEAN + gain * (x - alpha * MEAN)

    return denoise


def gaussian_flow(x: Tensor, tau: int, schedule: Schedule = COSINE) -> Tensor:
    """Where the exact probability flow takes x at tau, for Gaussian data."""
    alpha, sigma = schedule.alpha(torch.tensor(tau)), schedule.sigma(torch.tensor(tau))
    return MEAN + DEVIATION * (x - alpha * MEAN) / torch.sqrt((alpha * DEVIATION) ** 2 + sigma**2)


def two_points(x: Tensor, tau: Tensor) -> Tensor:
    """Ideal denoiser of data that is -1 or 1 in every pixel, both as likely."""
    alpha, sigma = levels(x, tau, COSINE)
    return torch.tanh(alpha * x / sigma**2)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@BOTH_SAMPLERS
@pytest.mark.parametrize("schedule", [COSINE, Schedule(COSINE.log_snr_table - 1.4)])
def test_more_steps_come_closer_to_the_exact_flow(sampler, schedule: Schedule) -> None:
    start = noise(2, 500)
    exact = gaussian_flow(start, 999, schedule)
    samples = [final(sampler(gaussian(schedule), start, schedule, steps)) for steps in (8, 16, 32, 64, 256)]
    errors = [(sample - exact).abs().mean() for sample in samples]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.015


def test_second_order_beats_first_order_at_equal_cost() -> None:
    start = noise(2, 500)
    exact = gaussian_flow(start, 999)
    for steps in (16, 32, 64):
        first = (final(ddim(gaussian(), start, COSINE, steps)) - exact).abs().mean()
        second = (final(dpm_solver_2m(gaussian(), start, COSINE, steps)) - exact).abs().mean()
        assert second < first / 2


@BOTH_SAMPLERS
def test_samples_of_a_gaussian_have_its_mean_and_deviation(sampler) -> None:
    sample = final(sampler(gaussian(), noise(1, 50_000), COSINE, 64))
    assert sample.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert sample.std().item() == pytest.approx(DEVIATION, abs=0.02)


@BOTH_SAMPLERS
def test_samples_of_two_points_are_these_points_as_often_as_each_other(sampler) -> None:
    sample = final(sampler(two_points, noise(1, 20_000), COSINE, 32))
    assert (sample.abs() - 1).abs().quantile(0.98) < 0.02
    assert sample.mean().abs() < 0.03


@BOTH_SAMPLERS
@pytest.mark.parametrize("ideal", [gaussian(), two_points])
def test_epsilon_and_velocity_sample_alike(sampler, ideal: Denoise) -> None:
    def epsilon_network(x: Tensor, tau: Tensor) -> Tensor:
        alpha, sigma = levels(x, tau, COSINE)
        return (x - alpha * ideal(x, tau)) / sigma

    def velocity_network(x: Tensor, tau: Tensor) -> Tensor:
        alpha, sigma = levels(x, tau, COSINE)
        return (alpha * x - ideal(x, tau)) / sigma

    start = noise(2, 3, 4).double()
    from_epsilon = final(sampler(Denoiser(COSINE, Epsilon()).bind(epsilon_network), start, COSINE, 20))
    from_velocity = final(sampler(Denoiser(COSINE, Velocity()).bind(velocity_network), start, COSINE, 20))
    assert torch.allclose(from_epsilon, from_velocity, atol=1e-4)


@BOTH_SAMPLERS
def test_a_sample_does_not_depend_on_its_batch_neighbours(sampler) -> None:
    start = noise(3, 5)
    together = final(sampler(two_points, start, COSINE, 10))
    for i in range(3):
        assert torch.equal(final(sampler(two_points, start[i : i + 1], COSINE, 10))[0], together[i])


@BOTH_SAMPLERS
def test_the_same_noise_gives_the_same_bits_and_is_left_untouched(sampler) -> None:
    start = noise(2, 3, 4, 5)
    first = final(sampler(gaussian(), start, COSINE, 10))
    assert torch.equal(first, final(sampler(gaussian(), start, COSINE, 10)))
    assert torch.equal(start, noise(2, 3, 4, 5))
    assert (first.shape, first.dtype) == (start.shape, start.dtype)


@BOTH_SAMPLERS
def test_a_sampler_yields_what_each_call_saw_and_made(sampler) -> None:
    start = noise(2, 3)
    steps = list(sampler(gaussian(), start, COSINE, 7))
    assert [step.index for step in steps] == list(range(7))
    assert [step.tau for step in steps] == sampling_taus(COSINE, 7)
    assert torch.equal(steps[0].x, start)
    for step in steps:
        assert torch.equal(step.x0, gaussian()(step.x, torch.full((2,), step.tau)))
    assert torch.equal(final(iter(steps)), steps[-1].x0)


@pytest.mark.parametrize("num_steps", [1, 7, 30, 999, 1000])
def test_taus_fall_from_the_start_without_repeating(num_steps: int) -> None:
    taus = sampling_taus(COSINE, num_steps)
    assert len(taus) == num_steps
    assert taus[0] == 999
    assert taus[-1] >= 0
    assert all(a > b for a, b in pairwise(taus))


@pytest.mark.parametrize("num_steps", [0, 1001])
def test_impossible_numbers_of_steps_are_refused(num_steps: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000 steps"):
        sampling_taus(COSINE, num_steps)


def test_a_sampler_without_steps_has_no_sample() -> None:
    with pytest.raises(ValueError, match="no sample"):
        final(())


def by_student(denoise: Denoise, noises: list[Tensor]) -> Iterator[SamplerStep]:
    """A student's steps from noise alone, one per noise."""
    return renoising(denoise, noises[0], sampling_taus(COSINE, len(noises)), noises[1:], COSINE)


@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_a_student_noises_each_x0_anew_and_ends_with_the_last(num_steps: int) -> None:
    noises = [noise(2, 50, seed=seed) for seed in range(num_steps)]
    steps = list(by_student(gaussian(), noises))
    assert [step.tau for step in steps] == sampling_taus(COSINE, num_steps)
    assert torch.equal(steps[0].x, noises[0])
    for before, step, fresh in zip(steps, steps[1:], noises[1:], strict=False):
        assert torch.equal(step.x, COSINE.diffuse(before.x0, fresh, torch.full((2,), step.tau)))
    last = steps[-1]
    assert torch.equal(final(by_student(gaussian(), noises)), last.x0)
    assert torch.equal(last.x0, gaussian()(last.x, torch.full((2,), last.tau)))


def perfect_student(generator: torch.Generator) -> Denoise:
    """A student that draws x0 instead of the mean of all that are possible."""

    def draws(x: Tensor, tau: Tensor) -> Tensor:
        alpha, sigma = levels(x, tau, COSINE)
        variance = 1 / (1 / DEVIATION**2 + alpha**2 / sigma**2)
        return gaussian()(x, tau) + variance.sqrt() * torch.randn(x.shape, generator=generator)

    return draws


def test_a_student_that_samples_x0_keeps_its_distribution_in_any_number_of_steps() -> None:
    for num_steps in (1, 4):
        draws = perfect_student(torch.Generator().manual_seed(7))
        made = final(by_student(draws, [noise(4, 20_000, seed=seed) for seed in range(num_steps)]))
        assert made.mean().item() == pytest.approx(MEAN, abs=0.01)
        assert made.std().item() == pytest.approx(DEVIATION, abs=0.01)


@BOTH_SAMPLERS
@pytest.mark.parametrize(("teacher_steps", "taus"), [(8, [999, 874, 749, 624, 499, 249]), (3, [999, 666, 332, 165])])
def test_a_student_takes_over_where_its_teacher_gets_to_its_level(
    sampler: Callable[..., Solving], teacher_steps: int, taus: list[int]
) -> None:
    called: list[int] = []

    def teacher(x: Tensor, tau: Tensor) -> Tensor:
        called.append(int(tau[0]))
        return gaussian()(x, tau)

    whole = sampler(gaussian(), noise(4, 20_000), COSINE, teacher_steps)
    part = sampler(teacher, noise(4, 20_000), COSINE, teacher_steps, until=499)
    draws, further = perfect_student(torch.Generator().manual_seed(7)), [noise(4, 20_000, seed=1)]
    together = list(taking_over(part, draws, 2, further, COSINE))
    assert [step.tau for step in together] == taus
    assert [step.index for step in together] == list(range(len(taus)))
    assert called == taus[:-2]
    for alone, step in zip(whole, together[:-1], strict=False):
        assert torch.equal(step.x, alone.x)


def test_a_student_that_takes_over_keeps_the_distribution() -> None:
    steps = dpm_solver_2m(gaussian(), noise(4, 20_000), COSINE, 200, until=499)
    draws, further = perfect_student(torch.Generator().manual_seed(7)), [noise(4, 20_000, seed=1)]
    made = final(taking_over(steps, draws, 2, further, COSINE))
    assert made.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert made.std().item() == pytest.approx(DEVIATION, abs=0.01)


def test_a_student_cannot_take_over_from_a_teacher_that_goes_to_its_end() -> None:
    steps = dpm_solver_2m(gaussian(), noise(1, 4), COSINE, 1, until=499)
    with pytest.raises(ValueError, match="no step at its level"):
        list(taking_over(steps, gaussian(), 2, [noise(1, 4)], COSINE))
