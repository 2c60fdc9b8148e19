"""Stages `image`, `prediction`, `interpolation`: denoising score matching in latents (Video LDM, Eq. 1 to 3).

Each latent channel is weighted by how strongly it moves pixels: all channels have unit variance, but the last ones
hold fine detail that cannot be predicted and would otherwise dominate the loss. Cells of small vehicles among the
conditions are weighted higher, because there are few of them (Chen et al., 2024, "GeoDiffusion", Sec. 3.3). The three
stages differ in the clips that they see, in which frames are known, and in what is trained: the whole image model, but
only the temporal layers of the video models (Eq. 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.data.clips import ClipPlaces, GrowingTensor, draw
from drivesim.data.frame_array import FrameArray
from drivesim.data.packed import PackedFootage
from drivesim.diffusion.denoiser import Denoiser
from drivesim.diffusion.noise import NoiseCorrelation, around_first, chain
from drivesim.diffusion.samplers import dpm_solver_2m, final
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.box_attributes import with_colours_forgotten
from drivesim.models.box_raster import box_coverage
from drivesim.models.conditioning import BoxLayout, Conditioning, ContextFrames
from drivesim.models.pixels import grid
from drivesim.models.stages import TEACHER_OF
from drivesim.models.temporal import temporal_parameters
from drivesim.models.unet import UNet
from drivesim.training.loop.device import mixed_precision
from drivesim.training.loop.randomness import standard_normal, step_generator
from drivesim.training.stages.stage import ClipKind, FootageStage, LossTerm, TrainingConfig, named_parameters

_HELD_OUT_CLIPS = 16  # a batch
_HELD_OUT_FRAMES = 192


@dataclass(frozen=True)
class Regime:
    """A kind of clips and its label.

    Attributes:
        fps: Frames per second; None for single frames.
        num_frames: Frames per clip.
        frame_rate: Label of the regime that the network is conditioned on; None for no label.
    """

    fps: float | None
    num_frames: int
    frame_rate: int | None = None

    @property
    def clips(self) -> ClipKind:
        """The clips without their label."""
        return ClipKind(self.fps, self.num_frames)


@dataclass(frozen=True)
class DiffusionTraining(TrainingConfig):
    """How a latent diffusion model is trained.

    Attributes:
        regimes: The kinds of clips.
        drop: Probability with which each condition is dropped.
        drop_together: Probability with which all of them are dropped at once, as guidance evaluates the network.
        vehicle_weight: Weight of a vehicle of one cell; that of a cell without vehicles is 1.
        context_noise: Largest standard deviation of noise on known latents.
        noise_correlation: Correlation of the noise of neighbouring frames, as in sampling.
        samples: Number of clips that are sampled for the pictures.
    """

    batch_size: int = 24
    learning_rate: float = 2e-3
    muon: bool = True
    regimes: tuple[Regime, ...] = (Regime(None, 1),)
    drop: dict[str, float] = field(
        default_factory=lambda: {
            "boxes": 0.2,
            "box_headings": 0.3,
            "box_colours": 0.5,
            "road": 0.3,
            "time_of_day": 0.1,
            "crowdedness": 0.15,
            "ego_motion": 0.5,
        }
    )
    drop_together: float = 0.1
    vehicle_weight: float = 8.0
    context_noise: float = 0.1
    noise_correlation: NoiseCorrelation = field(default_factory=NoiseCorrelation)
    samples: int = 6


class LatentDiffusionStage(FootageStage):
    """Trains a network to denoise clips of cached latents; a video model trains its temporal layers only."""

    def __init__(
        self,
        role: str,
        network: UNet,
        denoiser: Denoiser,
        footage: PackedFootage,
        encode: Callable[[PackedFootage], FrameArray],
        autoencoder: Autoencoder,
        config: DiffusionTraining,
        device: str,
    ) -> None:
        super().__init__(footage, "cpu", [regime.clips for regime in config.regimes])
        self.role, self.network, self.denoiser = role, network.to(device), denoiser
        self.task = TEACHER_OF.get(role, role)
        self.config, self.device, self.autoencoder = config, device, autoencoder
        self._encode = encode
        self.latents = GrowingTensor(encode(footage), device)
        self.channel_weight = autoencoder.channel_gain().to(device)[:, None, None]

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns all parameters of the image model, or those of the temporal layers of a video model."""
        return {"network": named_parameters(self.network, temporal_parameters(self.network) or None)}

    def footage_has_grown(self) -> None:
        """Encodes the new frames."""
        self.latents.extend(self._encode(self.footage.footage))

    def losses(self, step: int, generator: torch.Generator) -> Iterator[LossTerm]:
        """Yields the squared error of the target at random diffusion times, over frames that are not known."""
        regime = int(torch.randint(len(self.train), (), generator=generator))
        clean, conditioning = self._batch(self.train, regime, self.config.batch_size, generator)
        conditioning = conditioning.drop_randomly(self.config.drop, generator, self.config.drop_together)
        conditioning = with_colours_forgotten(conditioning, generator)
        loss = self._loss(clean, conditioning, generator)
        yield LossTerm("network", loss, {"loss": loss})

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Measures the loss on held-out clips under all conditions, over all cells and over those of vehicles.

        Frames that are known do not count.
        """
        generator = step_generator(7, 0, 0)
        values, of_vehicles, num_clips = [], [], 0
        for number, regime in enumerate(self.config.regimes):
            for _ in range(math.ceil(_HELD_OUT_FRAMES / (_HELD_OUT_CLIPS * regime.num_frames))):
                clean, conditioning = self._batch(self.test, number, _HELD_OUT_CLIPS, generator)
                error, _ = self._error(clean, conditioning, generator)
                cells = box_coverage(boxes_of(conditioning), *clean.shape[-2:]).amax(2)
                cells = cells * unknown_frames(conditioning, clean)[..., None, None]
                num_clips += len(clean)
                values.append(float(mean_of_unknown(error, conditioning)))
                of_vehicles.append(float((error * cells).sum() / cells.sum()))
        return {
            "held_out_loss": float(np.mean(values)),
            "held_out_vehicle_loss": float(np.nanmean(of_vehicles)),
            "held_out_samples": num_clips,
        }

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Draws held-out clips and samples under their conditions: one clip per row, single frames one per column."""
        pictures = {}
        for number in range(len(self.test)):
            generator = step_generator(11, number, 0)
            clean, conditioning = self._batch(self.test, number, self.config.samples, generator)
            made = self._sampled(clean, conditioning, generator)
            rows = torch.stack([clean, made], 1).flatten(0, 1)
            frames = self.autoencoder.decode(rows.float().to(next(self.autoencoder.parameters()).device))
            pictures[f"samples_{number}"] = grid(
                frames if frames.shape[1] > 1 else rearrange(frames, "(n k) 1 c h w -> n k c h w", k=2)
            )
        return pictures

    def _batch(
        self, places: list[ClipPlaces], number: int, count: int, generator: torch.Generator
    ) -> tuple[Tensor, Conditioning]:
        regime = self.config.regimes[number]
        index = draw(places[number], count, regime.num_frames, generator)
        clean = self.latents[index].float()
        knows = self.network.config
        conditioning = self.footage.conditioning(index, knows.box_attributes, knows.road_raster).to(self.device)
        if regime.num_frames > 1:
            conditioning = replace(conditioning, context=self._context(clean, generator))
        if regime.frame_rate is not None:
            label = torch.full((count,), regime.frame_rate, device=self.device)
            conditioning = replace(conditioning, frame_rate=label)
        return clean, conditioning

    def _context(self, clean: Tensor, generator: torch.Generator) -> ContextFrames:
        count, t = clean.shape[:2]
        position = torch.arange(t)
        if self.task == "interpolation":
            mask = ((position == 0) | (position == t - 1)).expand(count, t)
        else:
            known = torch.multinomial(torch.tensor([0.1, 0.3, 0.6]), count, replacement=True, generator=generator)
            mask = position < known[:, None]
        strength = self.config.context_noise * torch.rand((count, 1, 1, 1, 1), generator=generator)
        noise = strength.to(self.device) * standard_normal(clean.shape, generator, self.device)
        return ContextFrames(clean + noise, mask.to(self.device))

    def _noise(self, like: Tensor, generator: torch.Generator) -> Tensor:
        own, correlation = standard_normal(like.shape, generator, self.device), self.config.noise_correlation
        if self.task == "prediction":
            own = chain(own, correlation.keyframes)
        elif self.task == "interpolation":
            own = around_first(own, correlation.in_between)
        return own

    def _sampled(self, clean: Tensor, conditioning: Conditioning, generator: torch.Generator) -> Tensor:
        """Samples like clips `b t c h w`, under conditions."""
        denoise = self.denoiser.bind(partial(self._predicted, conditioning))
        return final(dpm_solver_2m(denoise, self._noise(clean, generator), self.denoiser.schedule, 20))

    def _predicted(self, conditioning: Conditioning, x: Tensor, tau: Tensor) -> Tensor:
        prediction: Tensor = self.network(x, tau, conditioning)
        return prediction

    def _loss(self, clean: Tensor, conditioning: Conditioning, generator: torch.Generator) -> Tensor:
        error, tau = self._error(clean, conditioning, generator)
        height, width = clean.shape[-2:]
        weight = vehicle_weights(boxes_of(conditioning), height, width, self.config.vehicle_weight)
        weight = weight * self.denoiser.loss_weight(tau)[:, None, None, None]
        return mean_of_unknown(error * weight, conditioning)

    def _error(self, clean: Tensor, conditioning: Conditioning, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The squared error of the target in each cell, `b t h w`, at random diffusion times, and these, `b`."""
        tau = torch.randint(self.denoiser.schedule.num_steps, (len(clean),), generator=generator)
        noise = self._noise(clean, generator)
        tau = tau.to(self.device)
        noisy, target = self.denoiser.training_pair(clean, noise, tau)
        with mixed_precision(self.device):
            prediction = self.network(noisy, tau, conditioning)
        return ((prediction.float() - target).square() * self.channel_weight).mean(2), tau


def vehicle_weights(boxes: BoxLayout, height: int, width: int, strongest: float) -> Tensor:
    """Returns the weight of each cell, `b t height width`: 1 without a vehicle, more inside the boxes of vehicles.

    The weight falls with the square root of the number of cells of a vehicle, so that large vehicles count more as a
    whole but less in each cell. Only vehicles that the model is conditioned on count: otherwise it would learn to draw
    more vehicles than there are.

    Args:
        boxes: The boxes that the model is conditioned on.
        height: Rows of the latents.
        width: Columns of the latents.
        strongest: Weight of a vehicle that covers a single cell.
    """
    coverage = box_coverage(boxes, height, width)
    cells = coverage.sum((-2, -1), keepdim=True).clamp(min=1)
    extra = (coverage * (strongest - 1) / cells.sqrt()).amax(2)
    return 1 + extra * boxes.known[:, None, None, None]


def boxes_of(conditioning: Conditioning) -> BoxLayout:
    """Returns the boxes of clips of footage."""
    assert conditioning.boxes is not None, "footage always has boxes"
    return conditioning.boxes


def mean_of_unknown(error: Tensor, conditioning: Conditioning) -> Tensor:
    """Returns the mean of an error `b t h w` over the frames that are not known."""
    unknown = unknown_frames(conditioning, error)
    return (error.mean((2, 3)) * unknown).sum() / unknown.sum()


def unknown_frames(conditioning: Conditioning, like: Tensor) -> Tensor:
    """Returns 1 for frames that are not known and 0 for the others: `b t`, like the frames of `like` `b t ...`."""
    if conditioning.context is None:
        return torch.ones(like.shape[:2], device=like.device)
    return (~conditioning.context.mask).float()
