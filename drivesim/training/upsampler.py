"""Stages `upsampler_image` and `upsampler`: the pixel-space diffusion upsampler on patches (Video LDM, Eq. 5).

Low-resolution patches are partly shrunk frames and partly what the autoencoder makes of them, for that is what the
upsampler will be given; both are noise-augmented, and the network is told how much. All frames of a clip share one
noise field, as they do when a rollout is made: equal surroundings then become equal pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.data.clips import ClipPlaces, FootageTensors, clip_places, draw
from drivesim.data.packed import PackedFootage
from drivesim.diffusion.denoiser import Denoiser
from drivesim.diffusion.samplers import ddim, final
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.unet import is_temporal
from drivesim.models.upsampler import Upsampler, enlarge
from drivesim.training.loop import step_generator
from drivesim.training.pictures import grid
from drivesim.training.precision import mixed_precision
from drivesim.training.stage import LossTerm, TrainingConfig, named_parameters


@dataclass(frozen=True)
class UpsamplerTraining(TrainingConfig):
    """`patch`: side of the large patches in pixels. `max_low_res_tau`: strongest noise augmentation.

    `decoded_share`: part of the batches whose low-resolution patches passed through the autoencoder.
    """

    batch_size: int = 16
    learning_rate: float = 2e-3
    muon: bool = True
    num_frames: int = 1
    fps: float | None = None
    patch: int = 128
    max_low_res_tau: int = 300
    decoded_share: float = 0.7


class UpsamplerStage:
    """Trains theta on single frames, or phi of the video upsampler on clips."""

    def __init__(
        self,
        role: str,
        network: Upsampler,
        denoiser: Denoiser,
        footage: PackedFootage,
        autoencoder: Autoencoder,
        config: UpsamplerTraining,
        device: str,
    ) -> None:
        self.role, self.network, self.denoiser = role, network.to(device), denoiser
        self.config, self.device, self.autoencoder = config, device, autoencoder.to(device).requires_grad_(False)
        self.footage = FootageTensors(footage, device)
        self.train = clip_places(footage, "train", config.fps, config.num_frames)
        self.test = clip_places(footage, "held_out", config.fps, config.num_frames)

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """All parameters of the image upsampler, the temporal ones of the video upsampler."""
        temporal = [parameter for name, parameter in self.network.named_parameters() if is_temporal(name)]
        return {"network": named_parameters(self.network, temporal or None)}

    def buffers(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def losses(self, step: int, generator: torch.Generator) -> Iterator[LossTerm]:
        """The squared error of the target of the residual's diffusion."""
        patches = self._patches(self.train, self.config.batch_size, generator)
        loss = self._loss(patches, self._low_res(patches, generator), generator)
        yield LossTerm("network", loss, {"loss": loss})

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """The loss on held-out patches."""
        generator = step_generator(7, 0, 0)
        values = []
        for _ in range(6):
            patches = self._patches(self.test, 8, generator)
            values.append(float(self._loss(patches, self._low_res(patches, generator), generator)))
        return {"held_out_loss": float(np.mean(values))}

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Rows of held-out patches: bicubic enlargement, sample, truth."""
        generator = step_generator(11, 0, 0)
        patches = self._patches(self.test, 6, generator)
        low_res = self._low_res(patches, generator, decoded=True)
        condition = self._noisy(low_res, torch.full((len(patches),), 60, device=self.device), generator)
        noise = _shared_noise(patches, generator)
        denoise = self.denoiser.bind(lambda x, tau: self.network(x, tau, condition))
        residual = final(ddim(denoise, noise, self.denoiser.schedule, 4))
        rows = [enlarge(low_res, self.network.config.factor), self.network.frames(residual, low_res), patches]
        return {"patches": grid(torch.stack([row[:, 0] for row in rows]))}

    def _patches(self, places: ClipPlaces, count: int, generator: torch.Generator) -> Tensor:
        side, (height, width) = self.config.patch, self.footage.footage.frames.shape[1:3]
        index = draw(places, count, self.config.num_frames, generator)
        top = torch.randint((height - side) // 8 + 1, (count,), generator=generator) * 8
        left = torch.randint((width - side) // 8 + 1, (count,), generator=generator) * 8
        return self.footage.frames(index, (top, left, side)).to(self.device)

    def _low_res(self, patches: Tensor, generator: torch.Generator, decoded: bool | None = None) -> Tensor:
        small = nn.functional.avg_pool2d(patches.flatten(0, 1), self.network.config.factor)
        small = small.unflatten(0, patches.shape[:2])
        if decoded is None:
            decoded = bool(torch.rand((), generator=generator) < self.config.decoded_share)
        if decoded:
            with torch.no_grad():
                small = self.autoencoder.decode(self.autoencoder.encode(small))
        return small

    def _noisy(self, low_res: Tensor, tau: Tensor, generator: torch.Generator) -> Conditioning:
        noise = _shared_noise(low_res, generator)
        return Conditioning(low_res=LowResolution(self.denoiser.schedule.diffuse(low_res, noise, tau), tau))

    def _loss(self, patches: Tensor, low_res: Tensor, generator: torch.Generator) -> Tensor:
        count = len(patches)
        low_tau = torch.randint(self.config.max_low_res_tau, (count,), generator=generator).to(self.device)
        tau = torch.randint(self.denoiser.schedule.num_steps, (count,), generator=generator).to(self.device)
        noise = _shared_noise(patches, generator)
        noisy, target = self.denoiser.training_pair(self.network.residual(patches, low_res), noise, tau)
        conditioning = self._noisy(low_res, low_tau, generator)
        with mixed_precision(self.device):
            prediction = self.network(noisy, tau, conditioning)
        return (prediction.float() - target).square().mean()


def _shared_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise `b t c h w`, the same for all frames of a clip."""
    b, t, *picture = like.shape
    return torch.randn((b, 1, *picture), generator=generator).to(like.device).expand(b, t, *picture)
