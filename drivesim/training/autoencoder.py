"""Stage `autoencoder`: L1, perceptual and patch-adversarial losses on random crops (Video LDM, Sec. 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.data.clips import FootageTensors, clip_places, draw
from drivesim.data.packed import PackedFootage
from drivesim.models.autoencoder import Autoencoder, Posterior
from drivesim.models.discriminators import PatchDiscriminator2d, PatchDiscriminatorConfig
from drivesim.training.adversarial import ReconstructionConfig, ReconstructionLoss, psnr_db
from drivesim.training.pictures import grid
from drivesim.training.precision import mixed_precision
from drivesim.training.randomness import standard_normal, step_generator
from drivesim.training.stage import LossTerm, TrainingConfig, named_parameters


@dataclass(frozen=True)
class AutoencoderTraining(TrainingConfig):
    """`crop`: side of the training crops in pixels. `kl_weight`: of the divergence from the standard normal.

    `latent_noise`: largest standard deviation, in units of the latents', of noise that the decoder learns to see
    through; what a diffusion model gets wrong then looks soft instead of blocky. Little noise is drawn more often than
    much (a square of an even draw), for clean latents must stay sharp. `keep_encoder`: only the decoder is trained, so
    that latent stages trained before stay valid.
    """

    batch_size: int = 16
    learning_rate: float = 1e-3
    muon: bool = True
    adversary_rate: float = 0.3
    crop: int = 64
    kl_weight: float = 1e-6
    latent_noise: float = 0.4
    keep_encoder: bool = False
    reconstruction: ReconstructionConfig = field(default_factory=ReconstructionConfig)


class AutoencoderStage:
    """Trains encoder and decoder; starts from the principal components of the footage."""

    role = "autoencoder"

    def __init__(self, network: Autoencoder, footage: PackedFootage, config: AutoencoderTraining, device: str) -> None:
        self.network, self.config, self.device = network.to(device), config, device
        self.footage = FootageTensors(footage, device)
        self._find_clips()
        self.discriminator = PatchDiscriminator2d(PatchDiscriminatorConfig()).to(device)
        self.loss = ReconstructionLoss(
            config.reconstruction,
            lambda frames: self.discriminator(frames.flatten(0, 1)),
            network.decoder.conv_out.weight,
        )

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """The autoencoder's (or its decoder's) and the discriminator's parameters."""
        trained = self.network.decoder if self.config.keep_encoder else self.network
        return {
            "network": named_parameters(self.network, list(trained.parameters())),
            "discriminator": named_parameters(self.discriminator),
        }

    def buffers(self) -> dict[str, Tensor]:
        """The discriminator's spectral norms."""
        return dict(self.discriminator.named_buffers())

    def refresh(self) -> int:
        """Takes up the footage that was recorded since; returns how many frames are new."""
        num_new = self.footage.refresh()
        if num_new:
            self._find_clips()
        return num_new

    def losses(self, step: int, generator: torch.Generator) -> Iterator[LossTerm]:
        """Reconstruction of random crops."""
        frames = self._crops(generator)
        with mixed_precision(self.device):
            posterior = self.network.encoder(frames[:, 0])
        posterior = Posterior(posterior.mean.float(), posterior.log_variance.float())
        noise = standard_normal(posterior.mean.shape, generator, self.device)
        latents = posterior.sample(noise)
        strength = self.config.latent_noise * torch.rand((len(latents), 1, 1, 1), generator=generator).square()
        wrong = strength.to(self.device) * standard_normal(latents.shape, generator, self.device)
        scale = latents.detach().std((0, 2, 3), keepdim=True)
        with mixed_precision(self.device):
            made = self.network.decoder((latents + scale * wrong)[:, None])
        made = made.float()
        yield from self.loss.terms(frames, made, self.config.kl_weight * posterior.kl(), step)

    def held_out(self) -> dict[str, float]:
        """PSNR over whole held-out frames."""
        real = self._pictures(self.test, 64)[:, None]
        with torch.no_grad():
            made = self.network.decoder(self.network.encoder(real[:, 0]).mean[:, None]).clamp(-1, 1)
        return {"held_out_psnr_db": psnr_db(real, made), "held_out_samples": len(real)}

    def pictures(self) -> dict[str, np.ndarray]:
        """Held-out frames over their reconstructions."""
        real = self._pictures(self.test, 8)[:, None]
        with torch.no_grad():
            made = self.network.decoder(self.network.encoder(real[:, 0]).mean[:, None])
        rows = [real[:4, 0], made[:4, 0], real[4:, 0], made[4:, 0]]
        return {"reconstruction": grid(torch.stack([row for row in rows if len(row)]))}

    def _find_clips(self) -> None:
        footage = self.footage.footage
        self.train = clip_places(footage, "train", None, 1)
        self.test = clip_places(footage, "held_out", None, 1)

    def start_from_components(self) -> None:
        """Starts the linear path from the principal components of training frames."""
        self.network.initialise_linear(self._pictures(self.train, 256))

    def add_channels(self, first: int) -> None:
        """Starts the channels from `first` on, which the checkpoint it starts from lacks, with what that one loses."""
        self.network.add_linear_channels(self._pictures(self.train, 256), first)

    def finish(self) -> None:
        """Measures the latents of training frames, so that `encode` normalises them; with a kept encoder they stay."""
        if self.config.keep_encoder:
            return
        with torch.no_grad():
            parts = self._pictures(self.train, 512).split(64)
            self.network.set_latent_statistics(torch.cat([self.network.encoder(part).mean for part in parts]))

    def _crops(self, generator: torch.Generator) -> Tensor:
        n, side = self.config.batch_size, self.config.crop
        index = draw(self.train, n, 1, generator)
        height, width = self.footage.footage.frames.shape[1:3]
        top = torch.randint((height - side) // 8 + 1, (n,), generator=generator) * 8
        left = torch.randint((width - side) // 8 + 1, (n,), generator=generator) * 8
        return self.footage.frames(index, (top, left, side)).to(self.device)

    def _pictures(self, places: object, count: int) -> Tensor:
        return self.footage.frames(draw(places, count, 1, step_generator(7, 0, 0)))[:, 0].to(self.device)
