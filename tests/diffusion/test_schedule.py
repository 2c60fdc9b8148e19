from __future__ import annotations

import pytest
import torch

from drivesim.diffusion.schedule import Schedule

SCHEDULES = [Schedule.cosine(), Schedule.cosine(num_steps=10), Schedule(torch.linspace(5, -8, 100))]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_step_preserves_variance_and_has_less_signal_than_the_one_before(schedule: Schedule) -> None:
    tau = torch.arange(schedule.num_steps)
    alpha, sigma = schedule.alpha(tau), schedule.sigma(tau)
    assert torch.allclose(alpha**2 + sigma**2, torch.ones(()), atol=1e-6)
    assert torch.allclose(schedule.log_snr(tau), 2 * torch.log(alpha / sigma), atol=1e-4)
    assert (schedule.log_snr(tau).diff() < 0).all()
    assert (torch.minimum(alpha, sigma) > 0).all()


@pytest.mark.parametrize("schedule", [Schedule.cosine(), Schedule.cosine(num_steps=100)])
def test_the_first_step_is_almost_clean_and_the_last_one_almost_pure_noise(schedule: Schedule) -> None:
    first, last = torch.tensor(0), torch.tensor(schedule.num_steps - 1)
    assert schedule.sigma(first) < 0.05
    assert schedule.alpha(last) < 0.015


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 2, 4, 5, 6)])
def test_each_sample_is_diffused_at_its_own_tau(shape: tuple[int, ...]) -> None:
    schedule, tau = Schedule.cosine(), torch.tensor([0, 500, 999])
    x0, noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    together = schedule.diffuse(x0, noise, tau)
    for i in range(3):
        alone = schedule.alpha(tau[i]) * x0[i] + schedule.sigma(tau[i]) * noise[i]
        assert torch.equal(together[i], alone)


def test_diffused_unit_data_keeps_unit_variance() -> None:
    x0, noise = torch.randn(2, 5, 100_000, generator=torch.Generator().manual_seed(0))
    x_tau = Schedule.cosine().diffuse(x0, noise, torch.tensor([0, 250, 500, 750, 999]))
    assert torch.allclose(x_tau.var(1), torch.ones(5), atol=0.02)


def test_a_tau_outside_the_schedule_or_not_an_integer_is_refused() -> None:
    schedule = Schedule.cosine()
    for tau in (-1, 1000):
        with pytest.raises(IndexError):
            schedule.alpha(torch.tensor([tau]))
    with pytest.raises(TypeError, match="integer"):
        schedule.alpha(torch.tensor([0.5]))
    with pytest.raises(ValueError, match="one tau per sample"):
        schedule.diffuse(torch.zeros(2, 3), torch.zeros(2, 3), torch.tensor([5]))


def test_impossible_schedules_are_refused() -> None:
    with pytest.raises(ValueError, match="strictly falling"):
        Schedule(torch.tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match="at least two"):
        Schedule.cosine(num_steps=0)
