"""Stage `decoder`: temporal layers of the decoder, with a 3-D patch discriminator; the encoder stays (Sec. 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.data.clips import ClipPlaces, draw
from drivesim.data.packed import PackedFootage
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.discriminators import PatchDiscriminator3d, PatchDiscriminatorConfig
from drivesim.models.pixels import grid
from drivesim.models.temporal import last_temporal_projection, temporal_parameters
from drivesim.training.loop.randomness import same_start, standard_normal, step_generator
from drivesim.training.losses.crops import CropConfig, draw_crops
from drivesim.training.losses.reconstruction import ReconstructionConfig, ReconstructionLoss, mean_psnr_db
from drivesim.training.stages.stage import ClipKind, FootageStage, LossTerm, TrainingConfig, named_parameters


@dataclass(frozen=True)
class DecoderTraining(TrainingConfig):
    """How the video decoder is trained.

    Attributes:
        num_frames: Frames per clip.
        fps: Frames per second of a clip.
        crops: Where crops are taken and what counts in them.
        latent_noise: Largest standard deviation of noise on latents, relative to that of the latents; it stands for
            what the latent models get wrong in each frame.
        reconstruction: Losses of the reconstruction.
    """

    batch_size: int = 3
    learning_rate: float = 5e-4
    num_frames: int = 6
    fps: float = 10.0
    crops: CropConfig = field(default_factory=CropConfig)
    latent_noise: float = 0.15
    reconstruction: ReconstructionConfig = field(
        default_factory=lambda: ReconstructionConfig(perceptual_start=300, adversarial_start=1500)
    )

    @property
    def clips(self) -> ClipKind:
        """The clips that the stage trains on."""
        return ClipKind(self.fps, self.num_frames)


class DecoderStage(FootageStage):
    """Trains the temporal layers of the decoder on clips whose frames were encoded one by one."""

    role = "decoder"

    def __init__(self, network: Autoencoder, footage: PackedFootage, config: DecoderTraining, device: str) -> None:
        super().__init__(footage, device, [config.clips])
        self.network, self.config, self.device = network.to(device), config, device
        with same_start(config.seed):
            self.discriminator = PatchDiscriminator3d(PatchDiscriminatorConfig()).to(device)
        last = last_temporal_projection(network)
        if last is None:
            raise ValueError("stage decoder needs an autoencoder whose decoder has temporal layers")
        self.loss = ReconstructionLoss(config.reconstruction, self.discriminator, last)

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns the temporal parameters of the decoder and the parameters of the discriminator."""
        return {
            "network": named_parameters(self.network, temporal_parameters(self.network)),
            "discriminator": named_parameters(self.discriminator),
        }

    def buffers(self) -> dict[str, Tensor]:
        """Returns the state of the spectral norms of the discriminator."""
        return dict(self.discriminator.named_buffers())

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        """Yields losses of clips of random crops that are reconstructed from slightly wrong latents."""
        frames, weights, made = self._reconstructed(self.train[0], self.config.batch_size, generator)
        yield from self.loss.terms(frames, made, weights, made.new_zeros(()), step)

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Measures PSNR on held-out clips, and the error of the change from frame to frame."""
        real, _, made = self._reconstructed(self.test[0], 16, step_generator(7, 0, 0))
        flicker = (made.diff(dim=1) - real.diff(dim=1)).square().mean().sqrt()
        return {
            "held_out_psnr_db": mean_psnr_db(real, made.clamp(-1, 1)),
            "held_out_flicker": float(flicker),
            "held_out_samples": len(real),
        }

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Draws held-out clips above their reconstructions."""
        real, _, made = self._reconstructed(self.test[0], 3, step_generator(11, 0, 0))
        return {"reconstruction": grid(torch.stack([real, made], 1).flatten(0, 1))}

    def _reconstructed(
        self, places: ClipPlaces, count: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Clips `b t 3 h w` of crops, the weights of their pixels `b t 1 h w`, and what the decoder makes of them."""
        config = self.config
        index = draw(places, count, config.num_frames, generator)
        frames, weights = draw_crops(self.footage, index, config.crops, generator)
        with torch.no_grad():
            latents = self.network.encode(frames)
        strength = config.latent_noise * torch.rand((count, 1, 1, 1, 1), generator=generator)
        noise = strength.to(self.device) * standard_normal(latents.shape, generator, self.device)
        latents = (latents + noise) * self.network.latent_std + self.network.latent_mean
        return frames, weights, self.network.decoder(latents)
