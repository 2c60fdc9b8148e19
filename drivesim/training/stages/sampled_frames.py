"""Frames that the image model samples, for stages that go on from what models really make.

There is no truth for a sampled frame, so that only a discriminator can judge what a stage makes of it. Sampling one
takes several calls of a network. Frames are therefore kept in a pool and used many times, and the pool is renewed
slowly. Each frame follows from the seed and its number alone, and the numbers in the pool from the step, so that a
resumed training draws the same frames as an unbroken one on the same footage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from drivesim.data.clips import ClipPlaces, FootageTensors, draw
from drivesim.diffusion.denoiser import Denoise, Denoiser
from drivesim.diffusion.guidance import guided
from drivesim.diffusion.samplers import dpm_solver_2m, final, renoising, sampling_taus
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.conditioning import Conditioning
from drivesim.models.guidance import GUIDANCE, GUIDED
from drivesim.models.unet import UNet
from drivesim.training.loop.device import mixed_precision
from drivesim.training.loop.distributed import rank
from drivesim.training.loop.randomness import sample_generator, standard_normal
from drivesim.training.losses.crops import CropConfig, crop_places

_GUIDED_STEPS = 24  # as many as the sampling preset `fast` takes
_FASTEST = 2


@dataclass(frozen=True)
class PoolConfig:
    """How many sampled frames are kept, and how fast they are renewed.

    Attributes:
        size: Number of frames in the pool.
        steps_per_call: Number of training steps per call of the image model, on average. A student makes a frame in
            eight calls, so that one frame is replaced every eight steps with the default.
    """

    size: int = 32
    steps_per_call: int = 1


@dataclass(frozen=True)
class ImageSampler:
    """An image model that samples latents as a rollout does: with guidance, and a student in few steps.

    Attributes:
        network: The network.
        denoiser: Noise schedule and parametrization.
        num_steps: Number of steps of a student; None for a teacher.
    """

    network: UNet
    denoiser: Denoiser
    num_steps: int | None

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return next(self.network.parameters()).device

    @property
    def calls_per_frame(self) -> int:
        """Number of calls of the network per frame, which guidance doubles."""
        return 2 * (_GUIDED_STEPS if self.num_steps is None else self.num_steps)

    @torch.no_grad()
    def sampled(self, conditioning: Conditioning, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Samples latents of a shape `b 1 c h w` under conditions.

        Args:
            conditioning: The conditions, on the device of the network.
            shape: Shape of the latents.
            generator: Source of all randomness, on the CPU.
        """
        schedule = self.denoiser.schedule
        weights = GUIDANCE["image" if self.num_steps is None else "image_few_steps"]
        unconditional = self._x0(conditioning.drop(*GUIDED))
        denoise = guided(self._x0(conditioning), unconditional, weights.scene, rescale=weights.rescale)
        first, *further = [standard_normal(shape, generator, self.device) for _ in range(self.num_steps or 1)]
        if self.num_steps is None:
            return final(dpm_solver_2m(denoise, first, schedule, _GUIDED_STEPS))
        return final(renoising(denoise, first, sampling_taus(schedule, self.num_steps), further, schedule))

    def _x0(self, conditioning: Conditioning) -> Denoise:
        def predict(x: Tensor, tau: Tensor) -> Tensor:
            with mixed_precision(x.device.type):
                prediction: Tensor = self.network(x, tau, conditioning)
            return prediction.float()

        return self.denoiser.bind(predict)


@dataclass(frozen=True)
class SampledFrame:
    """A sampled frame and the vehicles that it was to show.

    Attributes:
        pixels: The frame, `3 h w` in -1..1.
        boxes: Left, top, right and bottom of boxes as fractions of width and height, `n 4`.
        known: Which boxes exist, `n`.
    """

    pixels: Tensor
    boxes: Tensor
    known: Tensor


class SampledPool:
    """A pool of frames that are sampled under the conditions of recorded frames.

    The frames are numbered, and at each step the pool consists of those with `size` consecutive numbers. A frame is
    sampled when it is first drawn, by itself, so that it does not depend on what else is drawn.
    """

    def __init__(
        self, sampler: ImageSampler, autoencoder: Autoencoder, footage: FootageTensors, config: PoolConfig, seed: int
    ) -> None:
        """Fills nothing yet.

        Args:
            sampler: The image model.
            autoencoder: Decodes its latents, on the same device.
            footage: Recorded frames of any size.
            config: How many frames are kept, and how fast they are renewed.
            seed: Seed of all frames; each process that trains has frames of its own.
        """
        self.sampler, self.autoencoder, self.footage = sampler, autoencoder, footage
        self.config, self._seed = config, seed
        self._frames: dict[int, SampledFrame] = {}

    def numbers(self, step: int) -> range:
        """Returns the numbers of the frames that are in the pool at a step."""
        first = step // (self.config.steps_per_call * self.sampler.calls_per_frame)
        return range(first, first + self.config.size)

    def draw(
        self, step: int, count: int, frame_size: tuple[int, int], places: ClipPlaces, generator: torch.Generator
    ) -> list[SampledFrame]:
        """Draws `count` frames of the pool.

        Args:
            step: Number of the training step.
            count: Number of frames.
            frame_size: Height and width of the frames, those that the autoencoder decodes to.
            places: Clips of the recorded frames whose conditions new frames are sampled under.
            generator: Source of randomness of the choice, on the CPU.
        """
        there = self.numbers(step)
        self._frames = {number: frame for number, frame in self._frames.items() if number in there}
        chosen = torch.randint(there.start, there.stop, (count,), generator=generator).tolist()
        for number in chosen:
            if number not in self._frames:
                self._frames[number] = self._sampled(number, frame_size, places)
        return [self._frames[number] for number in chosen]

    @torch.no_grad()
    def _sampled(self, number: int, frame_size: tuple[int, int], places: ClipPlaces) -> SampledFrame:
        generator = sample_generator(self._seed, number, rank())
        index = draw(places, 1, 1, generator)
        knows, coded = self.sampler.network.config, self.autoencoder.config
        conditioning = self.footage.conditioning(index, knows.box_attributes, knows.road_raster)
        shape = (1, 1, coded.latent_channels, *(side // coded.factor for side in frame_size))
        latents = self.sampler.sampled(conditioning.to(self.sampler.device), shape, generator)
        frame = self.autoencoder.decode(latents)[0, 0]
        (first,) = index[:, 0].tolist()
        return SampledFrame(frame, self.footage.boxes[first], self.footage.category[first] >= 0)


def passing_crops(
    frames: Sequence[SampledFrame], factor: int, num_frames: int, config: CropConfig, generator: torch.Generator
) -> Tensor:
    """Cuts a clip out of each still: a crop that moves over it at a constant speed of whole pixels.

    A still that is merely repeated would be told from recorded video by the fact that nothing moves. A discriminator
    of small patches sees recorded scenery pass by in much the same way as a still under a moving crop.

    Args:
        frames: The stills, `3 h w` each.
        factor: How much smaller the stills are than the frames for which `config` is meant.
        num_frames: Number of frames of each clip; a single one does not move.
        config: Where crops are taken, in the larger frames.
        generator: Source of all randomness, on the CPU.

    Returns:
        Clips `b t 3 side/factor side/factor`.
    """
    height, width = (factor * side for side in frames[0].pixels.shape[-2:])
    boxes = torch.stack([frame.boxes for frame in frames]) * torch.tensor([width, height, width, height])
    known = torch.stack([frame.known for frame in frames])
    places = crop_places(boxes, known, (height, width), config, generator)
    start = torch.stack(places, -1) // factor
    side = config.side // factor
    limit = torch.tensor([height, width]) // factor - side
    fastest = (limit // max(1, num_frames - 1)).clamp(max=_FASTEST)
    speed = torch.randint(-_FASTEST, _FASTEST + 1, start.shape, generator=generator)
    speed = torch.minimum(torch.maximum(speed, -fastest), fastest)
    way = speed * (num_frames - 1)
    start = torch.minimum(torch.maximum(start, (-way).clamp(min=0)), limit - way.clamp(min=0))
    corners = start[:, None] + speed[:, None] * torch.arange(num_frames)[:, None]
    clips = [
        torch.stack([frame.pixels[:, top : top + side, left : left + side] for top, left in corner])
        for frame, corner in zip(frames, corners.tolist(), strict=True)
    ]
    return torch.stack(clips)
