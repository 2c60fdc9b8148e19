"""Stages `image_few_steps` and the like: students that do in a few steps what their teachers do in many.

A student starts as its teacher. That of `prediction` makes only the last steps, and its teacher those before. At each
of a few noise levels a student makes x0 at once, and what it makes is noised a little and shown, beside real latents,
to a discriminator of small heads on the features of the frozen teacher (Lin et al., 2025, "Diffusion Adversarial
Post-Training for One-Step Video Generation"; Sauer et al., 2024, "Fast High-Resolution Image Synthesis with Latent
Adversarial Diffusion Distillation"). Two weak anchors keep it in place: the x0 of the guided teacher, which hardly
counts at the highest level, where it is an average of all that may be there, and at low levels the true x0.

Adversarial training gets better for a while and may then ruin itself. So a student is measured whenever its state is
saved, and the parameters with the smallest distance of sampled from real held-out frames are exported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from drivesim.data.clips import draw
from drivesim.data.frame_array import FrameArray
from drivesim.data.packed import PackedFootage
from drivesim.diffusion.denoiser import Denoise, Denoiser, holding
from drivesim.diffusion.guidance import guided
from drivesim.diffusion.samplers import dpm_solver_2m, final, renoising, sampling_taus, taking_over
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.box_attributes import with_colours_forgotten
from drivesim.models.conditioning import Conditioning
from drivesim.models.feature_discriminator import FeatureHeads, changes, fake_loss, real_loss, unsteadiness
from drivesim.models.guidance import GUIDED, GuidanceWeights
from drivesim.models.unet import UNet
from drivesim.training.loop.device import mixed_precision
from drivesim.training.loop.randomness import same_start, standard_normal, step_generator
from drivesim.training.losses.latents import boxes_of, known_frames, mean_of_unknown, vehicle_weights
from drivesim.training.losses.perceptual import PerceptualDistance
from drivesim.training.stages.contexts import with_known_frames
from drivesim.training.stages.diffusion import DiffusionTraining, LatentDiffusionStage
from drivesim.training.stages.stage import LossTerm, named_parameters
from drivesim.training.stages.student_distance import distance_of_statistics

MEASURED_CLIPS = 16  # a batch
MEASURED_FRAMES = 96
"""Number of held-out frames that distances are measured on."""
_NOT_MEASURED = torch.finfo(torch.float32).max


@dataclass(frozen=True)
class FewStepsTraining(DiffusionTraining):
    """How a student is trained.

    Attributes:
        num_steps: Number of noise levels, and of steps when it is sampled.
        takes_over_at: Diffusion time of the highest level, down to which the teacher samples; None for a student that
            begins with noise alone.
        teacher_steps: Number of steps of the teacher's sampler, of which the teacher makes those before.
        self_made: Fraction of the samples of a student that takes over which stand for what its teacher hands over: the
            x0 of the guided teacher at higher noise, noised anew. It is more blurred than true latents.
        self_made_tau: Highest diffusion time of that noise.
        guidance: How the teacher is guided.
        first_level_share: Fraction of the samples at the highest level; the other levels share the rest.
        teacher_weight: Weight of the squared error against the x0 of the guided teacher.
        first_teacher_weight: The same at the highest level.
        true_weight: Weight of the squared error against the true x0.
        true_below: Diffusion time below which the true x0 counts.
        adversarial_weight: Weight of the adversarial loss.
        adversary_alone: Number of steps that the discriminator learns alone; in as many more it gains its weight.
        steadiness: Weight of the change of the discriminator's logits when real latents are shaken.
        shake: Standard deviation of the noise that shakes them.
        judged_taus: First and last diffusion time of the noise on what the discriminator sees.
    """

    learning_rate: float = 1.5e-4
    warmup_steps: int = 50
    ema_decay: float = 0.994
    adversary_rate: float = 6.7
    adversary_momentum: float = 0.0
    drop_together: float = 0.0
    average_chosen_by: str | None = None
    vehicle_weight: float = 4.0
    num_steps: int = 4
    takes_over_at: int | None = None
    teacher_steps: int = 16
    self_made: float = 0.5
    self_made_tau: int = 800
    guidance: GuidanceWeights = field(default_factory=GuidanceWeights)
    first_level_share: float = 0.4
    teacher_weight: float = 0.35
    first_teacher_weight: float = 0.02
    true_weight: float = 0.3
    true_below: int = 700
    adversarial_weight: float = 0.2
    adversary_alone: int = 100
    steadiness: float = 100.0
    shake: float = 0.02
    judged_taus: tuple[int, int] = (50, 699)


class FewStepsStage(LatentDiffusionStage):
    """Trains a student: all of it, or the temporal layers of a video model."""

    config: FewStepsTraining

    def __init__(
        self,
        role: str,
        network: UNet,
        teacher: UNet,
        denoiser: Denoiser,
        footage: PackedFootage,
        encode: Callable[[PackedFootage], FrameArray],
        autoencoder: Autoencoder,
        config: FewStepsTraining,
        device: str,
    ) -> None:
        super().__init__(role, network, denoiser, footage, encode, autoencoder, config, device)
        self.teacher = teacher.to(device).requires_grad_(False)
        with same_start(config.seed):
            moves = any(regime.num_frames > 1 for regime in config.regimes)
            self.discriminator = FeatureHeads(teacher.feature_widths(), see_changes=moves).to(device)
        self.perceptual = PerceptualDistance().to(device)
        self._taus = torch.tensor(sampling_taus(denoiser.schedule, config.num_steps, config.takes_over_at))
        self._student = super().parameters()["network"]
        self._best = {name: parameter.detach().clone() for name, parameter in self._student.items()}
        self._distance = torch.tensor(_NOT_MEASURED)
        self._best_distance = torch.tensor(_NOT_MEASURED)
        self._best_measured_on = torch.zeros((), dtype=torch.float64)

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns the trained parameters of the student and those of the discriminator."""
        return {**super().parameters(), "discriminator": named_parameters(self.discriminator)}

    def buffers(self) -> dict[str, Tensor]:
        """Returns the best parameters so far, their distance, and what it was measured on."""
        return {
            **{f"best/{name}": tensor for name, tensor in self._best.items()},
            "distance": self._distance,
            "best_distance": self._best_distance,
            "best_measured_on": self._best_measured_on,
        }

    def footage_has_grown(self) -> None:
        """Encodes the new frames."""
        super().footage_has_grown()
        self.__dict__.pop("_real_statistics", None)

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        """Yields the loss of the student, then that of the discriminator."""
        config = self.config
        number = int(torch.randint(len(self.train), (), generator=generator))
        regime = config.regimes[number]
        clean, conditioning = self._clips(
            draw(self.train[number], config.batch_size, regime.num_frames, generator), regime
        )
        conditioning = conditioning.drop_randomly(config.drop, generator, config.drop_together)
        conditioning = with_colours_forgotten(conditioning, generator)
        if regime.num_frames > 1:
            clean, conditioning = self._with_context(clean, conditioning, None, generator)
        tau = self._drawn_levels(len(clean), generator)
        made, anchors = self._made(clean, conditioning, tau, generator)

        first, last = config.judged_taus
        judged_tau = torch.randint(first, last + 1, (len(clean),), generator=generator).to(self.device)
        noise = self._noise(clean, generator)
        judged = self.denoiser.schedule.diffuse(made, noise, judged_tau)
        self.discriminator.requires_grad_(False)
        adversarial = real_loss(self._logits(judged, judged_tau, conditioning))
        self.discriminator.requires_grad_(True)
        weight = config.adversarial_weight * min(1.0, max(0.0, step / max(1, config.adversary_alone) - 1))
        loss = sum(anchors.values(), weight * adversarial)
        yield LossTerm("network", loss, {"loss": loss, **anchors, "adversarial": adversarial})

        real = self.denoiser.schedule.diffuse(clean, noise, judged_tau)
        shaken = real + config.shake * standard_normal(real.shape, generator, self.device)
        of_real = self._logits(real, judged_tau, conditioning)
        told_apart = real_loss(of_real) + fake_loss(self._logits(judged.detach(), judged_tau, conditioning))
        penalty = unsteadiness(of_real, self._logits(shaken, judged_tau, conditioning))
        found = told_apart + config.steadiness * penalty
        yield LossTerm("discriminator", found, {"discriminator": told_apart, "unsteadiness": penalty})

    @torch.no_grad()
    def keep_best(self) -> None:
        """Measures the network, and keeps its parameters if they are the best so far.

        If the held-out frames or the levels have changed, the best ones are measured again, so that distances stay
        comparable.
        """
        measured_on = torch.cat(self._real_statistics, 1).double().sum().cpu() + self._taus.double().sum()
        now = self._values()
        self._distance.fill_(self._measured())
        if self._is_measured and not torch.equal(measured_on, self._best_measured_on):
            self._take(self._best)
            self._best_distance.fill_(self._measured())
        if self._distance < self._best_distance:
            self._best_distance.copy_(self._distance)
            for name, value in now.items():
                self._best[name].copy_(value)
        self._best_measured_on.copy_(measured_on)
        self._take(now)

    def finish(self) -> None:
        """Gives the network its best parameters."""
        if self._is_measured:
            self._take(self._best)

    def held_out(self) -> dict[str, float]:
        """Returns the kernel distances of sampled from real held-out frames, of the best and of the last parameters."""
        return {
            "held_out_distance": float(self._best_distance),
            "held_out_distance_now": float(self._distance),
            "held_out_samples": len(self._real_statistics[0]),
        }

    @property
    def _is_measured(self) -> bool:
        return float(self._best_distance) < _NOT_MEASURED

    def _values(self) -> dict[str, Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self._student.items()}

    @torch.no_grad()
    def _take(self, values: dict[str, Tensor]) -> None:
        for name, parameter in self._student.items():
            parameter.copy_(values[name])

    def _drawn_levels(self, count: int, generator: torch.Generator) -> Tensor:
        """Diffusion times of `count` samples, `count`."""
        first, others = self.config.first_level_share, len(self._taus) - 1
        shares = torch.tensor([first, *([(1 - first) / others] * others)] if others else [1.0])
        return self._taus[torch.multinomial(shares, count, replacement=True, generator=generator)].to(self.device)

    def _made(
        self, clean: Tensor, conditioning: Conditioning, tau: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The x0 of the student at `tau` `b`, with known frames as they are, and its weighted errors by name."""
        config = self.config
        teacher = self._guided_teacher(conditioning)
        handed_over, has_truth = self._handed_over(clean, conditioning, teacher, generator)
        noisy, _ = self.denoiser.training_pair(handed_over, self._noise(clean, generator), tau)
        made = self._x0(self.network, conditioning)(noisy, tau)
        with torch.no_grad():
            of_teacher = teacher(noisy, tau)
        at_first = tau == self._taus[0].to(self.device)
        by_teacher = torch.where(at_first, config.first_teacher_weight, config.teacher_weight)
        by_truth = torch.where((tau < config.true_below) & has_truth, config.true_weight, 0.0)
        height, width = clean.shape[-2:]
        cells = vehicle_weights(boxes_of(conditioning), height, width, config.vehicle_weight)
        anchors = {}
        for name, aim, weight in (("from_teacher", of_teacher, by_teacher), ("from_truth", clean, by_truth)):
            error = ((made - aim).square() * self.channel_weight).mean(2)
            anchors[name] = mean_of_unknown(error * cells * weight[:, None, None, None], conditioning)
        return with_known_frames(made, clean, known_frames(conditioning, clean)), anchors

    @torch.no_grad()
    def _handed_over(
        self, clean: Tensor, conditioning: Conditioning, teacher: Denoise, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The latents `b t c h w` that the student is shown under noise, and which samples are true ones, `b`."""
        config, is_true = self.config, torch.ones(len(clean), dtype=torch.bool)
        if config.takes_over_at is not None:
            is_true = torch.rand(len(clean), generator=generator) >= config.self_made
        is_true = is_true.to(self.device)
        if config.takes_over_at is None or is_true.all():
            return clean, is_true
        first, last = config.takes_over_at + 1, config.self_made_tau + 1
        tau = torch.randint(first, last, (len(clean),), generator=generator).to(self.device)
        noisy, _ = self.denoiser.training_pair(clean, self._noise(clean, generator), tau)
        x0 = with_known_frames(teacher(noisy, tau), clean, known_frames(conditioning, clean))
        return torch.where(is_true[:, None, None, None, None], clean, x0), is_true

    def _guided_teacher(self, conditioning: Conditioning) -> Denoise:
        weights = self.config.guidance
        scene = guided(
            self._x0(self.teacher, conditioning),
            self._x0(self.teacher, conditioning.drop(*GUIDED)),
            weights.scene,
            rescale=weights.rescale,
        )
        without_context = self._x0(self.teacher, conditioning.drop("context"))
        return guided(scene, without_context, weights.context, rescale=weights.rescale)

    def _x0(self, network: UNet, conditioning: Conditioning) -> Denoise:
        def predict(x: Tensor, tau: Tensor) -> Tensor:
            with mixed_precision(self.device):
                prediction: Tensor = network(x, tau, conditioning)
            return prediction.float()

        return self.denoiser.bind(predict)

    def _logits(self, judged: Tensor, tau: Tensor, conditioning: Conditioning) -> list[Tensor]:
        with mixed_precision(self.device):
            logits = self.discriminator(self.teacher.features(judged, tau, conditioning))
        return [part.float() for part in logits]

    def _sampled(self, clean: Tensor, conditioning: Conditioning, generator: torch.Generator) -> Tensor:
        """Samples like clips `b t c h w`, under conditions, as the engine does: known frames are held."""
        known, schedule, config = known_frames(conditioning, clean), self.denoiser.schedule, self.config
        denoise = holding(self._x0(self.network, conditioning), clean, known)
        first, *further = [self._noise(clean, generator) for _ in self._taus]
        if config.takes_over_at is None:
            return final(renoising(denoise, first, self._taus.tolist(), further, schedule))
        teacher = holding(self._guided_teacher(conditioning), clean, known)
        steps = dpm_solver_2m(teacher, first, schedule, config.teacher_steps, config.takes_over_at)
        return final(taking_over(steps, denoise, config.num_steps, further, schedule))

    def _measured(self) -> float:
        """The kernel distance of sampled from real held-out frames."""
        return distance_of_statistics(self._real_statistics, self._held_out_statistics(sampled=True))

    @cached_property
    def _real_statistics(self) -> list[Tensor]:
        """Statistics of the decoded latents of held-out frames, each `n d`."""
        return self._held_out_statistics(sampled=False)

    @torch.no_grad()
    def _held_out_statistics(self, sampled: bool) -> list[Tensor]:
        """Statistics of the frames that are not known in held-out clips, sampled or real ones, each `n d`.

        Those of a clip also say how its frames change: clips that stand still have good frames.
        """
        decoder, batches = next(self.autoencoder.parameters()), []
        for number, regime in enumerate(self.config.regimes):
            generator = step_generator(13, number, 0)
            for _ in range(math.ceil(MEASURED_FRAMES / (MEASURED_CLIPS * regime.num_frames))):
                clean, conditioning = self._held_out_clips(number, MEASURED_CLIPS, generator)
                seed = int(torch.randint(2**62, (), generator=generator))
                shown = clean
                if sampled:
                    shown = self._sampled(clean, conditioning, torch.Generator().manual_seed(seed))
                unknown = ~known_frames(conditioning, clean)
                with mixed_precision(self.device):
                    frames = self.autoencoder.decode(shown.to(decoder.device)).to(self.device)
                    pictures = [frames, changes(frames) / 2] if regime.num_frames > 1 else [frames]
                    batches.append([one for part in pictures for one in self.perceptual.statistics(part[unknown])])
        return [torch.cat(parts) for parts in zip(*batches, strict=True)]
