"""Samplers: from noise to data in few calls of a denoiser, as generators of steps; they see only x0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import expm1, sqrt

import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise
from drivesim.diffusion.schedule import Schedule
from drivesim.errors import InputError


@dataclass(frozen=True)
class SamplerStep:
    """One call of the denoiser: `x0` is what it made of `x` at `tau`. The sample is the x0 of the last step.

    index: 0 for the first step; tau: the diffusion time of x; x, x0: (b, ...).
    """

    index: int
    tau: int
    x: Tensor
    x0: Tensor


def final(steps: Iterable[SamplerStep]) -> Tensor:
    """Runs a sampler to its end and returns the sample, the x0 of its last step."""
    for step in steps:
        x0 = step.x0
    return x0


def sampling_taus(schedule: Schedule, num_steps: int, start_tau: int | None = None) -> list[int]:
    """`num_steps` falling diffusion times, evenly spaced from start_tau (default: the last of the schedule).

    The last of them still holds noise, and the sampler leaves it in one step. On ideal denoisers of mixtures, with
    the cosine schedule, this came closer to the data than a spacing down to tau 0 or one even in log-SNR.

    Raises InputError unless 1 <= num_steps <= start_tau + 1.
    """
    start = schedule.num_steps - 1 if start_tau is None else start_tau
    if not 0 <= start < schedule.num_steps:
        raise InputError(f"start_tau must be in [0, {schedule.num_steps}), got {start}")
    if not 1 <= num_steps <= start + 1:
        raise InputError(f"a sampler that starts at tau {start} can take 1 to {start + 1} steps, got {num_steps}")
    return [round((start + 1) * (num_steps - i) / num_steps) - 1 for i in range(num_steps)]


def ddim(
    denoise: Denoise,
    noise: Tensor,
    schedule: Schedule,
    num_steps: int,
    *,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
    start_tau: int | None = None,
) -> Iterator[SamplerStep]:
    """DDIM (Song et al., 2021, Eq. 12), the sampler of Video LDM.

    noise: (b, ...), standard normal; with start_tau, a sample that is diffused to that tau.
    eta: 0 is deterministic, 1 is DDPM; above 0 the fresh noise comes from `generator`, which must be given.
    """
    if eta > 0 and generator is None:
        raise InputError(f"DDIM with eta {eta} draws noise: pass a generator")
    taus = sampling_taus(schedule, num_steps, start_tau)
    alphas, sigmas = _levels(schedule, taus)
    x = noise
    for i, tau in enumerate(taus):
        x0 = denoise(x, _batched(tau, x))
        yield SamplerStep(i, tau, x, x0)
        if i + 1 == len(taus):
            return
        alpha, sigma, next_alpha, next_sigma = alphas[i], sigmas[i], alphas[i + 1], sigmas[i + 1]
        fresh = eta * next_sigma / sigma * sqrt(1 - (alpha / next_alpha) ** 2)
        kept = sqrt(next_sigma**2 - fresh**2)
        x = next_alpha * x0 + kept / sigma * (x - alpha * x0)
        if fresh > 0:
            x = x + fresh * torch.randn(x.shape, generator=generator, device=generator.device).to(x)


def dpm_solver_2m(
    denoise: Denoise,
    noise: Tensor,
    schedule: Schedule,
    num_steps: int,
    *,
    start_tau: int | None = None,
) -> Iterator[SamplerStep]:
    """DPM-Solver++(2M) (Lu et al., 2022, Algorithm 2): second order in half the log-SNR, one call a step.

    The first step has no predecessor and the last one goes to zero noise: both are of first order.
    noise: (b, ...), standard normal; with start_tau, a sample that is diffused to that tau.
    """
    taus = sampling_taus(schedule, num_steps, start_tau)
    alphas, sigmas = _levels(schedule, taus)
    half_log_snr = [schedule.log_snr_table[tau].item() / 2 for tau in taus]
    x = noise
    previous_x0, previous_stride = None, 0.0
    for i, tau in enumerate(taus):
        x0 = denoise(x, _batched(tau, x))
        yield SamplerStep(i, tau, x, x0)
        if i + 1 == len(taus):
            return
        stride = half_log_snr[i + 1] - half_log_snr[i]
        direction = x0 if previous_x0 is None else x0 + stride / (2 * previous_stride) * (x0 - previous_x0)
        x = sigmas[i + 1] / sigmas[i] * x - alphas[i + 1] * expm1(-stride) * direction
        previous_x0, previous_stride = x0, stride


def _levels(schedule: Schedule, taus: list[int]) -> tuple[list[float], list[float]]:
    on_cpu = torch.tensor(taus)
    return schedule.alpha(on_cpu).tolist(), schedule.sigma(on_cpu).tolist()


def _batched(tau: int, x: Tensor) -> Tensor:
    return torch.full((x.shape[0],), tau, device=x.device)
