"""Stages `upsampler_image` and `upsampler`: the pixel-space diffusion upsampler on patches (Video LDM, Eq. 5).

Low-resolution patches are partly shrunk frames and partly what the autoencoder makes of them, because rollouts give the
upsampler such frames. Others are cut out of frames that the image model samples, if there is one: these are what
rollouts really enlarge. There is no truth for them, so that the patch discriminator alone judges what becomes of them.
All are noise-augmented, and the network is conditioned on the amount of noise. All frames of a clip share one noise
field, as they do when a rollout is made: equal surroundings then become equal pixels.

A rollout can afford one or two steps per frame. The squared error alone makes each of them an average of all that the
low-resolution frame may stand for, which is as blurred as an enlargement. So the frames that each prediction stands
for are judged as well, by a perceptual distance and by a patch discriminator, as in Adversarial Diffusion
Distillation (Sauer et al., 2023). Many samples are therefore drawn at the highest noise level, the only one that a
single step sees. Patches lie on vehicles more often than not, and errors on vehicles and lines count more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.data.clips import ClipPlaces, draw
from drivesim.data.packed import PackedFootage
from drivesim.diffusion.denoiser import Denoiser
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.discriminators import PatchDiscriminator2d, PatchDiscriminator3d, PatchDiscriminatorConfig
from drivesim.models.pixels import grid
from drivesim.models.temporal import last_temporal_projection, temporal_parameters
from drivesim.models.upsampler import Upsampler, enlarge
from drivesim.training.loop.randomness import same_start, step_generator
from drivesim.training.losses.crops import CropConfig, draw_crops
from drivesim.training.losses.reconstruction import ReconstructionConfig, ReconstructionLoss
from drivesim.training.stages.sampled_frames import ImageSampler, PoolConfig, SampledPool, passing_crops
from drivesim.training.stages.stage import ClipKind, FootageStage, LossTerm, TrainingConfig, named_parameters
from drivesim.training.stages.upsampling import Upsampling, shrunk, with_more_detail


@dataclass(frozen=True)
class UpsamplerTraining(TrainingConfig):
    """How the upsampler is trained.

    Attributes:
        patches: Where full-resolution patches are taken and what counts in them.
        max_low_res_tau: Strongest noise augmentation.
        decoded_share: Fraction of the batches whose low-resolution patches are reconstructed by the autoencoder.
        sampled_share: Expected fraction of the samples of a batch that are made of sampled frames, once the adversary
            takes part, if there is an image model. At least one sample of a batch has a truth.
        sampled: How many sampled frames are kept.
        full_noise_share: Fraction of the samples at the highest noise level.
        diffusion_weight: Weight of the squared error of the target beside the losses of `reconstruction`.
    """

    batch_size: int = 16
    learning_rate: float = 2e-3
    muon: bool = True
    adversary_rate: float = 0.2
    num_frames: int = 1
    fps: float | None = None
    patches: CropConfig = field(default_factory=lambda: CropConfig(side=128, vehicle_share=0.6))
    max_low_res_tau: int = 120
    decoded_share: float = 0.5
    sampled_share: float = 0.2
    sampled: PoolConfig = field(default_factory=PoolConfig)
    full_noise_share: float = 0.4
    diffusion_weight: float = 0.03
    reconstruction: ReconstructionConfig = field(
        default_factory=lambda: ReconstructionConfig(
            perceptual_weight=0.3,
            perceptual_start=0,
            perceptual_share=0.4,
            adversarial_weight=0.5,
            adversarial_start=300,
        )
    )

    @property
    def clips(self) -> ClipKind:
        """The clips that the stage trains on."""
        return ClipKind(self.fps, self.num_frames)


class UpsamplerStage(FootageStage):
    """Trains the image upsampler on single frames, or the temporal layers of the video upsampler on clips."""

    def __init__(
        self,
        role: str,
        network: Upsampler,
        denoiser: Denoiser,
        footage: PackedFootage,
        autoencoder: Autoencoder,
        config: UpsamplerTraining,
        device: str,
        sampler: ImageSampler | None = None,
    ) -> None:
        super().__init__(footage, device, [config.clips])
        self.role, self.network = role, network.to(device)
        self.config, self.device, self.autoencoder = config, device, autoencoder.to(device).requires_grad_(False)
        self.upsampling = Upsampling(self.network, denoiser, config.max_low_res_tau, config.full_noise_share)
        self.pool: SampledPool | None = None
        if sampler is not None:
            sampler.network.to(device).requires_grad_(False)
            self.pool = SampledPool(sampler, self.autoencoder, self.footage, config.sampled, config.seed)
        self.discriminator: nn.Module
        kind = PatchDiscriminator2d if config.num_frames == 1 else PatchDiscriminator3d
        with same_start(config.seed):
            self.discriminator = kind(PatchDiscriminatorConfig()).to(device)
        if config.num_frames == 1:
            self.loss = self._reconstruction_loss(lambda clips: self.discriminator(clips.flatten(0, 1)))
        else:
            self.loss = self._reconstruction_loss(self.discriminator)

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns all parameters of the image upsampler, or the temporal ones of the video upsampler, and those of the
        discriminator.
        """
        return {
            "network": named_parameters(self.network, temporal_parameters(self.network) or None),
            "discriminator": named_parameters(self.discriminator),
        }

    def buffers(self) -> dict[str, Tensor]:
        """Returns the state of the spectral norms of the discriminator."""
        return dict(self.discriminator.named_buffers())

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        """Yields losses of the predictions and of the patches that they stand for, then that of the discriminator."""
        num_sampled = self._num_sampled(step, generator)
        patches, weights = self._patches(self.train[0], 2 * (self.config.batch_size - num_sampled), generator)
        chosen = with_more_detail(patches)
        patches, weights = patches[chosen], weights[chosen]
        made, error = self.upsampling.denoised(patches, self._low_res(patches, generator), generator)
        unpaired = None
        if num_sampled:
            unpaired = self.upsampling.made_from_noise(self._sampled_low_res(step, num_sampled, generator), generator)
        diffusion = self.config.diffusion_weight * error
        yield from self.loss.terms(patches, made, weights, diffusion, step, unpaired=unpaired)

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Measures, on held-out patches, the squared error of the target and the perceptual distance of samples.

        The samples are made from shrunken patches (`true`) and from their reconstructions (`reconstructed`); the
        distance of a bicubic enlargement stands beside each.
        """
        generator = step_generator(7, 0, 0)
        figures: dict[str, list[float]] = {}
        for _ in range(6):
            patches, _ = self._patches(self.test[0], 8, generator)
            error = self.upsampling.denoised(patches, self._low_res(patches, generator), generator)[1]
            figures.setdefault("held_out_loss", []).append(float(error))
            for name, decoded in (("true", False), ("reconstructed", True)):
                low_res = self._low_res(patches, generator, decoded)
                enlarged = enlarge(low_res, self.network.config.factor)
                for how, made in (("", self.upsampling.sampled(low_res, generator)), ("_bicubic", enlarged)):
                    distance = float(self.loss.distance(patches, made))
                    figures.setdefault(f"held_out_perceptual_{name}{how}", []).append(distance)
        means = {name: float(np.mean(values)) for name, values in figures.items()}
        return {**means, "held_out_samples": 6 * len(patches)}

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Draws held-out patches in three rows: bicubic enlargements, samples and true patches."""
        generator = step_generator(11, 0, 0)
        patches, _ = self._patches(self.test[0], 6, generator)
        low_res = self._low_res(patches, generator, decoded=True)
        rows = [enlarge(low_res, self.network.config.factor), self.upsampling.sampled(low_res, generator), patches]
        return {"patches": grid(torch.stack([row[:, 0] for row in rows]))}

    def _reconstruction_loss(self, judge: Callable[[Tensor], Tensor]) -> ReconstructionLoss:
        last = last_temporal_projection(self.network)
        if last is None:
            last = self.network.unet.conv_out.weight
        return ReconstructionLoss(self.config.reconstruction, judge, last)

    def _patches(self, places: ClipPlaces, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Patches `b t 3 h w` and the weights of their pixels `b t 1 h w`."""
        index = draw(places, count, self.config.num_frames, generator)
        patches, weights = draw_crops(self.footage, index, self.config.patches, generator)
        return patches.to(self.device), weights.to(self.device)

    def _low_res(self, patches: Tensor, generator: torch.Generator, decoded: bool | None = None) -> Tensor:
        """Low-resolution patches: shrunk ones, or their reconstructions; None leaves the choice to the generator."""
        small = shrunk(patches, self.network.config.factor)
        if decoded is None:
            decoded = bool(torch.rand((), generator=generator) < self.config.decoded_share)
        if decoded:
            with torch.no_grad():
                small = self.autoencoder.decode(self.autoencoder.encode(small))
        return small

    def _num_sampled(self, step: int, generator: torch.Generator) -> int:
        """Draws how many samples of a batch are made of sampled frames."""
        if self.pool is None or not self.loss.is_judged(step):
            return 0
        expected = self.config.sampled_share * self.config.batch_size
        return min(self.config.batch_size - 1, int(expected + torch.rand((), generator=generator)))

    def _sampled_low_res(self, step: int, count: int, generator: torch.Generator) -> Tensor:
        """Low-resolution patches of sampled frames, placed and chosen like those of recorded frames."""
        assert self.pool is not None, "without a pool, no samples are made of sampled frames"
        factor = self.network.config.factor
        height, width = (side // factor for side in self.footage.frame_size)
        frames = self.pool.draw(step, 2 * count, (height, width), self.train[0], generator)
        clips = passing_crops(frames, factor, self.config.num_frames, self.config.patches, generator)
        return clips[with_more_detail(clips)]
