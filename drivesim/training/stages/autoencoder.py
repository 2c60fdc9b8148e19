"""Stage `autoencoder`: pixel, perceptual and patch-adversarial losses on crops around vehicles (Video LDM, Sec. 2).

Latents are kept scale-equivariant: latents that are shrunk decode to the shrunken picture. This removes the fine
detail from them that no diffusion model can predict ("Improving the Diffusability of Autoencoders", Skorokhodov et al.,
2025; EQ-VAE, Kouzelis et al., 2025). Latent channels are ordered: the decoder often sees the first ones alone, so that
they hold the structure of the picture and the last ones its detail (DC-AE 1.5, Chen et al., 2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.data.clips import ClipPlaces, draw
from drivesim.data.packed import PackedFootage
from drivesim.models.autoencoder import Autoencoder, Posterior
from drivesim.models.discriminators import PatchDiscriminator2d, PatchDiscriminatorConfig
from drivesim.models.pixels import grid
from drivesim.training.loop.device import mixed_precision
from drivesim.training.loop.randomness import same_start, standard_normal, step_generator
from drivesim.training.losses.crops import CropConfig, draw_crops, inside_vehicles
from drivesim.training.losses.reconstruction import (
    ReconstructionConfig,
    ReconstructionLoss,
    mean_psnr_db,
    pixel_loss,
    psnr_inside_db,
)
from drivesim.training.stages.stage import SINGLE_FRAMES, FootageStage, LossTerm, TrainingConfig, named_parameters


@dataclass(frozen=True)
class AutoencoderTraining(TrainingConfig):
    """How the autoencoder is trained.

    Attributes:
        crops: Where crops are taken and what counts in them.
        kl_weight: Weight of the divergence from the standard normal.
        latent_noise: Largest standard deviation, relative to that of the latents, of noise that the decoder learns to
            see through. What a diffusion model gets wrong then looks soft instead of blocky. Little noise is drawn
            more often than much (the square of a uniform draw), because clean latents must stay sharp.
        latent_noise_from: Fraction of the training after which there is such noise: detail is learnt on clean latents.
        scale_weight: Weight of the error of shrunken latents against the shrunken picture.
        scale_share: Fraction of the batch for which that error is computed.
        hidden_share: Fraction of the batch whose last latent channels are hidden from the decoder.
        least_channels: Fraction of the channels that it always sees.
        keep_encoder: Trains the decoder alone, so that latent stages trained before stay valid.
    """

    batch_size: int = 24
    learning_rate: float = 1e-3
    muon: bool = True
    adversary_rate: float = 0.3
    crops: CropConfig = field(default_factory=CropConfig)
    kl_weight: float = 1e-6
    latent_noise: float = 0.1
    latent_noise_from: float = 0.7
    scale_weight: float = 0.25
    scale_share: float = 1 / 3
    hidden_share: float = 0.3
    least_channels: float = 1 / 3
    keep_encoder: bool = False
    reconstruction: ReconstructionConfig = field(
        default_factory=lambda: ReconstructionConfig(
            perceptual_weight=0.3, perceptual_start=100, adversarial_start=15_000
        )
    )


class AutoencoderStage(FootageStage):
    """Trains encoder and decoder, starting from the principal components of the footage."""

    role = "autoencoder"

    def __init__(self, network: Autoencoder, footage: PackedFootage, config: AutoencoderTraining, device: str) -> None:
        super().__init__(footage, device, [SINGLE_FRAMES])
        self.network, self.config, self.device = network.to(device), config, device
        with same_start(config.seed):
            self.discriminator = PatchDiscriminator2d(PatchDiscriminatorConfig()).to(device)
        self.loss = ReconstructionLoss(
            config.reconstruction,
            lambda frames: self.discriminator(frames.flatten(0, 1)),
            network.decoder.conv_out.weight,
        )

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns the parameters of the autoencoder, or of its decoder alone, and those of the discriminator."""
        decoder = {f"decoder.{name}": parameter for name, parameter in self.network.decoder.named_parameters()}
        return {
            "network": named_parameters(self.network, decoder if self.config.keep_encoder else None),
            "discriminator": named_parameters(self.discriminator),
        }

    def buffers(self) -> dict[str, Tensor]:
        """Returns the state of the spectral norms of the discriminator."""
        return dict(self.discriminator.named_buffers())

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        """Yields losses of reconstructed crops, and of shrunken crops decoded from shrunken latents."""
        index = draw(self.train[0], self.config.batch_size, 1, generator)
        frames, weights = draw_crops(self.footage, index, self.config.crops, generator)
        with mixed_precision(self.device):
            posterior = self.network.encoder(frames[:, 0])
        posterior = Posterior(posterior.mean.float(), posterior.log_variance.float())
        latents = posterior.sample(standard_normal(posterior.mean.shape, generator, self.device))
        strongest = self.config.latent_noise if used >= self.config.latent_noise_from else 0.0
        strength = strongest * torch.rand((len(latents), 1, 1, 1), generator=generator).square()
        wrong = strength.to(self.device) * standard_normal(latents.shape, generator, self.device)
        latents = latents + latents.detach().std((0, 2, 3), keepdim=True) * wrong
        made = self._decoded(latents * self._visible(latents, generator))
        regulariser = self.config.kl_weight * posterior.kl()
        if self.config.scale_weight > 0 and not self.config.keep_encoder:
            regulariser = regulariser + self.config.scale_weight * self._scale_error(frames, latents)
        yield from self.loss.terms(frames, made, weights, regulariser, step)

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Measures PSNR over whole held-out frames and inside their vehicles, and the perceptual distance to them."""
        index = self._places(self.test[0], 256)
        real = self.footage.frames(index)[:, 0].to(self.device)
        made = torch.cat([self._reconstructed(part) for part in torch.split(real, 32)])
        boxes, category = self.footage.boxes[index[:, 0]], self.footage.category[index[:, 0]]
        inside = inside_vehicles(boxes, category, *self.footage.frame_size).to(self.device)
        pairs = zip(torch.split(real, 32), torch.split(made, 32), strict=True)
        distances = torch.cat([self.loss.perceptual(a, b) for a, b in pairs])
        return {
            "held_out_psnr_db": mean_psnr_db(real, made),
            "held_out_vehicle_psnr_db": psnr_inside_db(real, made, inside),
            "held_out_perceptual": float(distances.mean()),
            "held_out_samples": len(real),
        }

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Draws held-out frames above their reconstructions."""
        real = self._pictures(self.test[0], 8)
        made = self._reconstructed(real)
        rows = [real[:4], made[:4], real[4:], made[4:]]
        return {"reconstruction": grid(torch.stack([row for row in rows if len(row)]))}

    def start_from_components(self) -> None:
        """Initialises the linear path with the principal components of training frames."""
        self.network.initialise_linear(self._pictures(self.train[0], 256))

    def add_channels(self, first: int) -> None:
        """Initialises the channels from `first` on, which the first checkpoint lacks, with what it loses."""
        self.network.add_linear_channels(self._pictures(self.train[0], 256), first)

    def finish(self) -> None:
        """Measures the latents of training frames, so that `encode` normalises them; a kept encoder keeps its own."""
        if self.config.keep_encoder:
            return
        with torch.no_grad():
            parts = torch.split(self._pictures(self.train[0], 512), 64)
            self.network.set_latent_statistics(torch.cat([self.network.encoder(part).mean for part in parts]))

    def _reconstructed(self, pictures: Tensor) -> Tensor:
        """Pictures `b 3 h w`, encoded and decoded again in full precision."""
        made: Tensor = self.network.decoder(self.network.encoder(pictures).mean[:, None])
        return made[:, 0].clamp(-1, 1)

    def _decoded(self, latents: Tensor) -> Tensor:
        """Unnormalised latents `b c h w` to frames `b 1 3 h w`."""
        with mixed_precision(self.device):
            made: Tensor = self.network.decoder(latents[:, None])
        return made.float()

    def _visible(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        """1 where the decoder sees a channel of latents `b c h w`, 0 where it is hidden: `b c 1 1`."""
        count, channels = latents.shape[:2]
        least = max(1, round(self.config.least_channels * channels))
        kept = torch.randint(least, channels + 1, (count,), generator=generator)
        kept[torch.rand(count, generator=generator) >= self.config.hidden_share] = channels
        return (torch.arange(channels) < kept[:, None]).float()[..., None, None].to(latents.device)

    def _scale_error(self, frames: Tensor, latents: Tensor) -> Tensor:
        """How far latents `b c h w` at half their size are from decoding to frames `b 1 3 h w` at half of theirs."""
        count = max(1, round(self.config.scale_share * len(frames)))
        small = nn.functional.avg_pool2d(frames[:count, 0], 2)[:, None]
        made = self._decoded(nn.functional.avg_pool2d(latents[:count], 2))
        return pixel_loss(small, made, torch.ones_like(small[:, :, :1]), self.config.reconstruction.squared_weight)

    def _places(self, places: ClipPlaces, count: int) -> Tensor:
        """Frame numbers `b 1`, the same each time."""
        return draw(places, count, 1, step_generator(7, 0, 0))

    def _pictures(self, places: ClipPlaces, count: int) -> Tensor:
        return self.footage.frames(self._places(places, count))[:, 0].to(self.device)
