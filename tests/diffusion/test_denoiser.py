from __future__ import annotations

import pytest
import torch

from drivesim.diffusion.denoiser import Denoiser, holding
from drivesim.diffusion.parametrization import Epsilon, Parametrization, Velocity
from drivesim.diffusion.schedule import Schedule

BOTH = pytest.mark.parametrize("parametrization", [Epsilon(), Velocity()])
TAU = torch.tensor([0, 100, 500, 900])


@BOTH
def test_a_perfect_network_gives_x0_back(parametrization: Parametrization) -> None:
    denoiser = Denoiser(Schedule.cosine(), parametrization)
    x0, noise = torch.randn(2, 4, 3, 2, generator=torch.Generator().manual_seed(0))
    x_tau, target = denoiser.training_pair(x0, noise, TAU)
    assert torch.equal(x_tau, denoiser.schedule.diffuse(x0, noise, TAU))
    assert torch.allclose(denoiser.denoised(x_tau, target, TAU), x0, atol=1e-5)
    assert torch.allclose(denoiser.bind(lambda x, tau: target)(x_tau, TAU), x0, atol=1e-5)


@BOTH
def test_without_gamma_every_tau_weighs_the_same(parametrization: Parametrization) -> None:
    assert torch.equal(Denoiser(Schedule.cosine(), parametrization).loss_weight(TAU), torch.ones(4))


@BOTH
def test_weighted_loss_is_the_clamped_snr_times_the_error_of_x0(parametrization: Parametrization) -> None:
    denoiser = Denoiser(Schedule.cosine(), parametrization, min_snr_gamma=5.0)
    x0, noise, error = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))
    x_tau, target = denoiser.training_pair(x0, noise, TAU)
    weighted = denoiser.loss_weight(TAU) * error.square().mean(1)
    x0_error = (denoiser.denoised(x_tau, target + error, TAU) - denoiser.denoised(x_tau, target, TAU)).square().mean(1)
    expected = denoiser.schedule.log_snr(TAU).exp().clamp(max=5.0) * x0_error
    assert torch.allclose(weighted[1:], expected[1:], rtol=1e-3)  # at tau 0 the difference is below float32


def test_weights_of_both_parametrizations_in_closed_form() -> None:
    schedule = Schedule.cosine()
    snr = schedule.log_snr(TAU).exp()
    epsilon = Denoiser(schedule, Epsilon(), min_snr_gamma=5.0).loss_weight(TAU)
    velocity = Denoiser(schedule, Velocity(), min_snr_gamma=5.0).loss_weight(TAU)
    assert torch.allclose(epsilon, snr.clamp(max=5.0) / snr, rtol=1e-4)
    assert torch.allclose(velocity, snr.clamp(max=5.0) / (snr + 1), rtol=1e-4)


def test_known_frames_are_held_and_the_others_denoised() -> None:
    frames, x = torch.rand(2, 3, 1, 4, 4), torch.rand(2, 3, 1, 4, 4)
    known = torch.tensor([[True, False, False], [True, True, False]])

    x0 = holding(lambda x, tau: -x, frames, known)(x, torch.tensor([5, 5]))

    assert torch.equal(x0[known], frames[known])
    assert torch.equal(x0[~known], -x[~known])
