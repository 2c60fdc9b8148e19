"""Stages `image`, `prediction`, `interpolation`: denoising score matching in latents (Video LDM, Eq. 1 to 3).

Each latent channel is weighted by how strongly it moves pixels: all channels have unit variance, but the last ones
hold fine detail that cannot be predicted and would otherwise dominate the loss. Cells of small vehicles among the
conditions are weighted higher, because there are few of them (Chen et al., 2024, "GeoDiffusion", Sec. 3.3). The three
stages differ in the clips that they see, in which frames are known, and in what is trained: the whole image model, but
only the temporal layers of the video models (Eq. 2). What known frames look like is said in `contexts`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.data.clips import GrowingTensor, draw
from drivesim.data.frame_array import FrameArray
from drivesim.data.packed import PackedFootage
from drivesim.diffusion.denoiser import Denoise, Denoiser, holding
from drivesim.diffusion.noise import NoiseCorrelation, around_first, chain
from drivesim.diffusion.reconstruction import reconstructed
from drivesim.diffusion.samplers import dpm_solver_2m, final
from drivesim.diffusion.times import UNIFORM, TimeDistribution
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.box_attributes import with_colours_forgotten
from drivesim.models.box_raster import box_coverage
from drivesim.models.conditioning import Conditioning
from drivesim.models.pixels import grid
from drivesim.models.stages import TEACHER_OF
from drivesim.models.temporal import temporal_parameters
from drivesim.models.unet import UNet
from drivesim.training.loop.device import mixed_precision
from drivesim.training.loop.randomness import standard_normal, step_generator
from drivesim.training.losses.latents import boxes_of, known_frames, mean_of_unknown, vehicle_weights
from drivesim.training.stages.contexts import (
    Chain,
    ContextTraining,
    find_chain,
    noisy_context,
    with_known_frames,
)
from drivesim.training.stages.stage import ClipKind, FootageStage, LossTerm, TrainingConfig, named_parameters

logger = logging.getLogger(__name__)

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
        times: The diffusion times of training. Held-out losses are measured at uniform times.
        context: The known frames that a video model is trained with.
        noise_correlation: Correlation of the noise of neighbouring frames, as in sampling.
        samples: Number of clips that are sampled for the pictures.
    """

    batch_size: int = 24
    learning_rate: float = 2e-3
    muon: bool = True
    average_chosen_by: str | None = "held_out_loss"
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
    times: TimeDistribution = field(default_factory=TimeDistribution)
    context: ContextTraining = field(default_factory=ContextTraining)
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
        self._chain = self._longest_chain()
        if self._chain is None and config.context.chained_windows > 1:
            logger.warning("%s: no log is long enough for two windows in a row, so windows are not chained", role)

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns all parameters of the image model, or those of the temporal layers of a video model."""
        return {"network": named_parameters(self.network, temporal_parameters(self.network) or None)}

    def footage_has_grown(self) -> None:
        """Encodes the new frames."""
        self.latents.extend(self._encode(self.footage.footage))
        self._chain = self._longest_chain()

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        """Yields the squared error of the target at random diffusion times, over frames that are not known.

        At the end of the training, when windows are chained, each window of a chain has a loss of its own.
        """
        if self._chain is not None and used >= self.config.context.chained_from:
            regime, places, windows = self.config.regimes[0], self._chain.places, self._chain.windows
        else:
            number = int(torch.randint(len(self.train), (), generator=generator))
            regime, places = self.config.regimes[number], self.train[number]
            windows = (range(regime.num_frames),)
        index = draw(places, self.config.batch_size, windows[-1].stop, generator)
        before: tuple[Tensor, Conditioning] | None = None
        for number, window in enumerate(windows, 1):
            clean, conditioning = self._clips(index[:, window.start : window.stop], regime)
            conditioning = conditioning.drop_randomly(self.config.drop, generator, self.config.drop_together)
            conditioning = with_colours_forgotten(conditioning, generator)
            if regime.num_frames > 1:
                clean, conditioning = self._with_context(clean, conditioning, before, generator)
            loss = self._loss(clean, conditioning, generator)
            yield LossTerm("network", loss, {"loss" if number == 1 else f"loss_of_window_{number}": loss})
            before = clean, conditioning

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Measures the loss on held-out clips under all conditions, over all cells and over those of vehicles.

        Frames that are known do not count.
        """
        generator = step_generator(7, 0, 0)
        values, of_vehicles, num_clips = [], [], 0
        for number, regime in enumerate(self.config.regimes):
            for _ in range(math.ceil(_HELD_OUT_FRAMES / (_HELD_OUT_CLIPS * regime.num_frames))):
                clean, conditioning = self._held_out_clips(number, _HELD_OUT_CLIPS, generator)
                error, _ = self._error(clean, conditioning, UNIFORM, generator)
                cells = box_coverage(boxes_of(conditioning), *clean.shape[-2:]).amax(2)
                cells = cells * (~known_frames(conditioning, clean))[..., None, None]
                num_clips += len(clean)
                values.append(float(mean_of_unknown(error, conditioning)))
                if cells.sum():  # footage may be unlabelled, or without vehicles
                    of_vehicles.append(float((error * cells).sum() / cells.sum()))
        return {
            "held_out_loss": float(np.mean(values)),
            "held_out_vehicle_loss": float(np.mean(of_vehicles)) if of_vehicles else math.nan,
            "held_out_samples": num_clips,
        }

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Draws held-out clips and samples under their conditions: one clip per row, single frames one per column."""
        pictures = {}
        for number in range(len(self.test)):
            generator = step_generator(11, number, 0)
            clean, conditioning = self._held_out_clips(number, self.config.samples, generator)
            made = self._sampled(clean, conditioning, generator)
            rows = torch.stack([clean, made], 1).flatten(0, 1)
            frames = self.autoencoder.decode(rows.float().to(next(self.autoencoder.parameters()).device))
            pictures[f"samples_{number}"] = grid(
                frames if frames.shape[1] > 1 else rearrange(frames, "(n k) 1 c h w -> n k c h w", k=2)
            )
        return pictures

    def _longest_chain(self) -> Chain | None:
        if self.config.context.chained_windows == 1:
            return None
        (regime,) = self.config.regimes
        return find_chain(self.footage.footage, regime.clips, self.config.context)

    def _held_out_clips(self, number: int, count: int, generator: torch.Generator) -> tuple[Tensor, Conditioning]:
        """Clips of a regime with all their conditions; their known frames are true ones with little noise."""
        regime = self.config.regimes[number]
        clean, conditioning = self._clips(draw(self.test[number], count, regime.num_frames, generator), regime)
        if regime.num_frames > 1:
            mask = self._known_frames(clean, generator)
            levels = self.config.context.noise_levels(count, False, generator)
            conditioning = replace(conditioning, context=noisy_context(clean, mask, levels, generator))
        return clean, conditioning

    def _clips(self, index: Tensor, regime: Regime) -> tuple[Tensor, Conditioning]:
        knows = self.network.config
        conditioning = self.footage.conditioning(index, knows.box_attributes, knows.road_raster).to(self.device)
        if regime.frame_rate is not None:
            label = torch.full((len(index),), regime.frame_rate, device=self.device)
            conditioning = replace(conditioning, frame_rate=label)
        return self.latents[index].float(), conditioning

    def _known_frames(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Draws which frames of clips are known, `b t`: both ends in interpolation, up to two in prediction."""
        count, num_frames = clean.shape[:2]
        position = torch.arange(num_frames)
        if self.task == "interpolation":
            mask = ((position == 0) | (position == num_frames - 1)).expand(count, num_frames)
        else:
            known = torch.multinomial(torch.tensor([0.1, 0.3, 0.6]), count, replacement=True, generator=generator)
            mask = position < known[:, None]
        return mask.to(self.device)

    def _with_context(
        self,
        clean: Tensor,
        conditioning: Conditioning,
        before: tuple[Tensor, Conditioning] | None,
        generator: torch.Generator,
    ) -> tuple[Tensor, Conditioning]:
        """Clips and their conditions, with known frames as training has them.

        After a window `before`, these are the last frames of what the network makes of it. Otherwise they are true
        ones or, in some batches, what the network makes of them.
        """
        context = self.config.context
        if before is not None:
            mask = (torch.arange(clean.shape[1]) < context.overlap).expand(clean.shape[:2]).to(self.device)
            made = self._reconstruction(*before, generator)[:, -context.overlap :]
            clean = with_known_frames(clean, made, mask)
        else:
            mask = self._known_frames(clean, generator)
            if torch.rand((), generator=generator) < context.self_made:
                first = clean[:, : context.overlap], conditioning.first_frames(context.overlap)
                clean = with_known_frames(clean, self._reconstruction(*first, generator), mask)
        temporal = self.network.config.temporal
        levels = context.noise_levels(len(clean), temporal is not None and temporal.context_noise, generator)
        return clean, replace(conditioning, context=noisy_context(clean, mask, levels, generator))

    @torch.no_grad()
    def _reconstruction(self, clean: Tensor, conditioning: Conditioning, generator: torch.Generator) -> Tensor:
        """What the network makes of clips with some noise in a few steps; known frames are held, as in a rollout."""
        steps = 1 + int(torch.randint(self.config.context.max_steps, (), generator=generator))
        tau = self.config.times.draw(self.denoiser.schedule, len(clean), generator).to(self.device)
        denoise = self._denoise(clean, conditioning)
        with mixed_precision(self.device):
            return reconstructed(denoise, clean, self._noise(clean, generator), tau, self.denoiser.schedule, steps)

    def _noise(self, like: Tensor, generator: torch.Generator) -> Tensor:
        own, correlation = standard_normal(like.shape, generator, self.device), self.config.noise_correlation
        if self.task == "prediction":
            own = chain(own, correlation.keyframes)
        elif self.task == "interpolation":
            own = around_first(own, correlation.in_between)
        return own

    def _sampled(self, clean: Tensor, conditioning: Conditioning, generator: torch.Generator) -> Tensor:
        """Samples like clips `b t c h w`, under conditions, as the engine does: known frames are held."""
        denoise = self._denoise(clean, conditioning)
        return final(dpm_solver_2m(denoise, self._noise(clean, generator), self.denoiser.schedule, 20))

    def _denoise(self, clean: Tensor, conditioning: Conditioning) -> Denoise:
        denoise = self.denoiser.bind(partial(self._predicted, conditioning))
        return holding(denoise, clean, known_frames(conditioning, clean))

    def _predicted(self, conditioning: Conditioning, x: Tensor, tau: Tensor) -> Tensor:
        prediction: Tensor = self.network(x, tau, conditioning)
        return prediction

    def _loss(self, clean: Tensor, conditioning: Conditioning, generator: torch.Generator) -> Tensor:
        error, tau = self._error(clean, conditioning, self.config.times, generator)
        height, width = clean.shape[-2:]
        weight = vehicle_weights(boxes_of(conditioning), height, width, self.config.vehicle_weight)
        weight = weight * self.denoiser.loss_weight(tau)[:, None, None, None]
        return mean_of_unknown(error * weight, conditioning)

    def _error(
        self, clean: Tensor, conditioning: Conditioning, times: TimeDistribution, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The squared error of the target in each cell, `b t h w`, at random diffusion times, and these, `b`."""
        tau = times.draw(self.denoiser.schedule, len(clean), generator).to(self.device)
        noise = self._noise(clean, generator)
        noisy, target = self.denoiser.training_pair(clean, noise, tau)
        with mixed_precision(self.device):
            prediction = self.network(noisy, tau, conditioning)
        return ((prediction.float() - target).square() * self.channel_weight).mean(2), tau
