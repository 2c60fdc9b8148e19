"""A diffusion network that is ready to sample, and the choice of its solver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from drivesim.diffusion.denoiser import Denoise, Denoiser
from drivesim.diffusion.samplers import SamplerStep, ddim, dpm_solver_2m, renoising, sampling_taus, taking_over
from drivesim.engine.making import Making
from drivesim.engine.settings import SamplerSettings
from drivesim.models.conditioning import Conditioning

ConditionedNetwork = Callable[[Tensor, Tensor, Conditioning], Tensor]
"""(x_tau (b, ...), tau (b,), conditioning) -> prediction (b, ...)."""
NoiseOfStep = Callable[[int], Tensor]
"""(number of the step, from 1) -> noise (b, ...) with which a student goes to the next noise level."""
Network = TypeVar("Network", bound=ConditionedNetwork)


@dataclass(frozen=True)
class DiffusionStage(Generic[Network]):
    """A network and the denoiser that says what its predictions mean.

    Attributes:
        network: the network.
        denoiser: noise schedule and parametrization.
        num_steps: the number of steps of a student, which takes no other; None for other stages.
        teacher: the stage that makes the first steps in place of a student; None if the student makes all of them.
        takes_over_at: diffusion time at which a student with such a teacher takes over.
    """

    network: Network
    denoiser: Denoiser
    num_steps: int | None = None
    teacher: DiffusionStage[Network] | None = None
    takes_over_at: int = 0

    def denoise(self, conditioning: Conditioning) -> Denoise:
        """Returns `(x_tau, tau) -> x0` under these conditions."""
        return self.denoiser.bind(lambda x, tau: self.network(x, tau, conditioning))

    @property
    def is_student(self) -> bool:
        """Whether it is sampled in few steps, with little guidance or none, because it imitates a guided model."""
        return self.num_steps is not None

    def sample(
        self, denoise: Denoise, noise: Tensor, settings: SamplerSettings, noise_of_step: NoiseOfStep | None = None
    ) -> Making[Tensor]:
        """Turns noise `(b, ...)` into a sample of the same shape; see `steps`."""
        for step in self.steps(denoise, noise, settings, noise_of_step):
            yield (step.index + 1) / self.count_steps(settings)
        return step.x0

    def count_steps(self, settings: SamplerSettings) -> int:
        """Returns the number of steps to a sample, those of a teacher included."""
        if self.num_steps is None:
            return settings.steps
        if self.teacher is None:
            return self.num_steps
        taus = sampling_taus(self.denoiser.schedule, settings.steps)
        return sum(tau > self.takes_over_at for tau in taus) + self.num_steps

    def steps(
        self,
        denoise: Denoise,
        noise: Tensor,
        settings: SamplerSettings,
        noise_of_step: NoiseOfStep | None = None,
        before: Denoise | None = None,
    ) -> Iterator[SamplerStep]:
        """Yields the steps from noise `(b, ...)` to a sample, which is the x0 of the last one.

        Args:
            denoise: a denoiser of this stage.
            noise: noise of the first step.
            settings: the sampler; that of the teacher if this is a student.
            noise_of_step: noise of the further steps of a student.
            before: a denoiser of the teacher that makes the first steps.
        """
        schedule = self.denoiser.schedule
        solver = {"ddim": ddim, "dpm_solver_2m": dpm_solver_2m}[settings.sampler]
        if self.num_steps is None:
            return solver(denoise, noise, schedule, settings.steps)
        assert noise_of_step is not None, "a student noises what it makes anew in each step"
        noises = [noise_of_step(step) for step in range(1, self.num_steps)]
        if self.teacher is None:
            return renoising(denoise, noise, sampling_taus(schedule, self.num_steps), noises, schedule)
        assert before is not None, "the teacher makes the first steps"
        steps = solver(before, noise, schedule, settings.steps, self.takes_over_at)
        return taking_over(steps, denoise, self.num_steps, noises, schedule)
