"""Samplers: from noise to data in few calls of a denoiser, as generators of steps; they see only x0."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import expm1

import torch
from torch import Tensor

from drivesim.diffusion.denoiser import Denoise
from drivesim.diffusion.schedule import Schedule
from drivesim.errors import InputError


@dataclass(frozen=True)
class SamplerStep:
    """One call of the denoiser. The sample is the x0 of the last step.

    Attributes:
        index: Number of the step, from 0.
        tau: Diffusion time of `x`.
        x: What the denoiser was given, `(b, ...)`.
        x0: What it made of it, `(b, ...)`.
    """

    index: int
    tau: int
    x: Tensor
    x0: Tensor


@dataclass(frozen=True)
class Handover:
    """Where a sampler stops before its end.

    Attributes:
        index: Number of the step that it would make next.
        tau: Diffusion time of `x`.
        x: What the denoiser would be given, `(b, ...)`.
    """

    index: int
    tau: int
    x: Tensor


Solving = Generator[SamplerStep, None, Handover | None]
"""The steps of a solver, then where it stopped; None if it went to its end."""


def final(steps: Iterable[SamplerStep]) -> Tensor:
    """Runs a sampler to its end and returns the sample, the x0 of its last step."""
    x0 = None
    for step in steps:
        x0 = step.x0
    if x0 is None:
        raise ValueError("a sampler without steps has no sample")
    return x0


def sampling_taus(schedule: Schedule, num_steps: int, first: int | None = None) -> list[int]:
    """Returns `num_steps` falling diffusion times, evenly spaced from `first`, or from the last one of the schedule.

    The last of them still holds noise, and the sampler leaves it in one step. On ideal denoisers of mixtures, with
    the cosine schedule, this came closer to the data than a spacing down to tau 0 or one even in log-SNR.

    Raises:
        InputError: The number of steps is below 1 or above that of the diffusion times.
    """
    available = schedule.num_steps if first is None else first + 1
    if not 1 <= num_steps <= available:
        raise InputError(f"a sampler can take 1 to {available} steps, got {num_steps}")
    return [round(available * (num_steps - i) / num_steps) - 1 for i in range(num_steps)]


def ddim(denoise: Denoise, noise: Tensor, schedule: Schedule, num_steps: int, until: int | None = None) -> Solving:
    """Samples with DDIM (Song et al., 2021, Eq. 12 with eta 0), the sampler of Video LDM.

    Args:
        denoise: The denoiser.
        noise: Standard normal noise `(b, ...)`.
        schedule: The noise schedule.
        num_steps: Number of calls of the denoiser.
        until: Diffusion time at which it stops, before the first step at it or below; None for the end.

    Yields:
        One step per call.
    """
    taus = sampling_taus(schedule, num_steps)
    alphas, sigmas = _levels(schedule, taus)
    x = noise
    for i, tau in enumerate(taus):
        if until is not None and tau <= until:
            return Handover(i, tau, x)
        x0 = denoise(x, _batched(tau, x))
        yield SamplerStep(i, tau, x, x0)
        if i + 1 == len(taus):
            break
        alpha, sigma, next_alpha, next_sigma = alphas[i], sigmas[i], alphas[i + 1], sigmas[i + 1]
        x = next_alpha * x0 + next_sigma / sigma * (x - alpha * x0)
    return None


def dpm_solver_2m(
    denoise: Denoise, noise: Tensor, schedule: Schedule, num_steps: int, until: int | None = None
) -> Solving:
    """Samples with DPM-Solver++(2M) (Lu et al., 2022, Algorithm 2), of second order in half the log-SNR.

    The first step has no predecessor and the last one goes to zero noise: both are of first order.

    Args:
        denoise: The denoiser.
        noise: Standard normal noise `(b, ...)`.
        schedule: The noise schedule.
        num_steps: Number of calls of the denoiser.
        until: Diffusion time at which it stops, before the first step at it or below; None for the end.

    Yields:
        One step per call.
    """
    taus = sampling_taus(schedule, num_steps)
    alphas, sigmas = _levels(schedule, taus)
    half_log_snr = [schedule.log_snr_table[tau].item() / 2 for tau in taus]
    x = noise
    previous_x0, previous_stride = None, 0.0
    for i, tau in enumerate(taus):
        if until is not None and tau <= until:
            return Handover(i, tau, x)
        x0 = denoise(x, _batched(tau, x))
        yield SamplerStep(i, tau, x, x0)
        if i + 1 == len(taus):
            break
        stride = half_log_snr[i + 1] - half_log_snr[i]
        direction = x0 if previous_x0 is None else x0 + stride / (2 * previous_stride) * (x0 - previous_x0)
        x = sigmas[i + 1] / sigmas[i] * x - alphas[i + 1] * expm1(-stride) * direction
        previous_x0, previous_stride = x0, stride
    return None


def renoising(
    denoise: Denoise, x: Tensor, taus: Sequence[int], noises: Sequence[Tensor], schedule: Schedule, index: int = 0
) -> Iterator[SamplerStep]:
    """Samples with a student that makes x0 at a few noise levels: at each, x0 is made and noised anew for the next.

    This is Algorithm 1 of Song et al., 2023, "Consistency Models".

    Args:
        denoise: The student.
        x: What it starts from, `(b, ...)`, at the first diffusion time.
        taus: Diffusion times of the steps.
        noises: Standard normal noise `(b, ...)` of each further step.
        schedule: The noise schedule.
        index: Number of the first step.

    Yields:
        One step per call.
    """
    for i, tau in enumerate(taus):
        x0 = denoise(x, _batched(tau, x))
        yield SamplerStep(index + i, tau, x, x0)
        if i + 1 < len(taus):
            x = schedule.diffuse(x0, noises[i], _batched(taus[i + 1], x))


def taking_over(
    steps: Solving, denoise: Denoise, num_steps: int, noises: Sequence[Tensor], schedule: Schedule
) -> Iterator[SamplerStep]:
    """Samples with a teacher until its solver stops, and from there with a student.

    At high noise the sample is arranged, and at low noise it gets its details. A student of few steps is good at
    details, but of all that may move it makes an average, or what moves least.

    Args:
        steps: The teacher's solver, with a diffusion time at which it stops.
        denoise: The student.
        num_steps: Number of its steps.
        noises: Standard normal noise `(b, ...)` of each of its steps but the first.
        schedule: The noise schedule.

    Yields:
        The steps of the teacher, then those of the student.

    Raises:
        ValueError: The teacher goes to its end.
    """
    handover = yield from steps
    if handover is None:
        raise ValueError("the student cannot take over, because the solver makes no step at its level")
    taus = sampling_taus(schedule, num_steps, handover.tau)
    yield from renoising(denoise, handover.x, taus, noises, schedule, handover.index)


def _levels(schedule: Schedule, taus: list[int]) -> tuple[list[float], list[float]]:
    on_cpu = torch.tensor(taus)
    return schedule.alpha(on_cpu).tolist(), schedule.sigma(on_cpu).tolist()


def _batched(tau: int, x: Tensor) -> Tensor:
    return torch.full((x.shape[0],), tau, device=x.device)
