"""Single frames, many at a time: composed from conditions by the image LDM or encoded from pictures, then decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from drivesim.diffusion.guidance import Guide, guided
from drivesim.engine.decode import decode_frames
from drivesim.engine.first_frame.layouts import with_drawn_layouts
from drivesim.engine.making import Making
from drivesim.engine.networks import EngineModels, guided_settings, latent_shape
from drivesim.engine.seeds import RunNoise, first_keyframe_noise
from drivesim.engine.settings import EngineSettings
from drivesim.engine.upsample import upsample
from drivesim.models.checkpoints import LAYOUTS
from drivesim.models.conditioning import Conditioning
from drivesim.models.guidance import GUIDED
from drivesim.models.pixels import to_bytes, to_unit_range


@dataclass(frozen=True)
class Composer:
    """Makes unrelated frames of many scenes at a time; each frame follows from its condition and seed alone."""

    models: EngineModels
    settings: EngineSettings

    @property
    def draws_layouts(self) -> bool:
        """Whether first frames with a crowdedness but without boxes get boxes from the layout prior."""
        return self.settings.draw_layouts and LAYOUTS in self.models.checkpoints.roles

    def with_layouts(self, conditions: Conditioning, seeds: Sequence[int]) -> Conditioning:
        """Adds the boxes that the layout prior draws, if it is used; one seed per sample."""
        if not self.draws_layouts:
            return conditions
        return with_drawn_layouts(conditions, self.models.exact.layouts, seeds)

    def load_networks(self) -> None:
        """Loads the networks that make frames from conditions, which otherwise happens when they are first used.

        Raises:
            CheckpointError: A network is missing or damaged.
        """
        networks = self.models.computing_in(self.settings.precision)
        networks.sampled("image", guided_settings(self.settings, self.models.checkpoints))
        _ = self.models.exact.autoencoder, networks.upsampler_image

    def keyframes(self, conditions: Conditioning, seeds: Sequence[int], attempts: Sequence[int]) -> Making[Tensor]:
        """Latents `b c h w` that follow boxes and labels, with one condition, seed and attempt per sample."""
        conditions = self.with_layouts(conditions, seeds).to(self.models.device)
        shape, settings = latent_shape(self.models.checkpoints), guided_settings(self.settings, self.models.checkpoints)
        networks, guide = self.models.computing_in(settings.precision), None
        image = networks.sampled("image", settings)
        denoise = image.denoise(conditions)
        if (auto := settings.autoguidance) is not None:
            guide = Guide(networks.guide.denoise(conditions), auto.scale, (auto.first_tau, auto.last_tau))
        unconditional = image.denoise(conditions.drop(*GUIDED))
        if image.is_student:
            denoise = guided(denoise, unconditional, settings.student_guidance)
        else:
            weight, rescale = settings.image_guidance, settings.guidance_rescale
            denoise = guided(denoise, unconditional, weight, rescale=rescale, guide=guide)

        def noise_of_step(step: int) -> Tensor:
            samples = zip(seeds, attempts, strict=True)
            noise = torch.stack([first_keyframe_noise(shape, seed, attempt, step) for seed, attempt in samples])
            return noise[:, None].to(self.models.device)

        sample = yield from image.sample(denoise, noise_of_step(0), settings.image, noise_of_step)
        return sample[:, 0]

    def encoded(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """Latents `b c h w` of pictures, each uint8 `h w 3` of any size."""
        video, autoencoder = self.models.video, self.models.exact.autoencoder
        latents = []
        for picture in pictures:
            small = torch.from_numpy(fitted(picture, video.low_height, video.low_width)).to(self.models.device)
            latents.append(autoencoder.encode(to_unit_range(small)[None, None])[0, 0])
        return torch.stack(latents)

    def pictures(self, keyframes: Tensor, seeds: Sequence[int], enlarge: bool = True) -> np.ndarray:
        """Turns latents `b c h w` into frames uint8 `b h w c`; without `enlarge` they stay at low resolution."""
        low_res = decode_frames(self.models.exact.autoencoder, keyframes, range(len(keyframes)), len(keyframes))
        return self.enlarged(low_res, seeds) if enlarge else to_bytes(low_res)

    def enlarged(self, low_res: Tensor, seeds: Sequence[int]) -> np.ndarray:
        """Enlarges low-resolution frames `b 3 h w` in -1..1 to frames uint8 `b h w c`."""
        settings = self.settings.upsampler

        def noise_of(what: str, frames: range, shape: tuple[int, ...]) -> Tensor:
            key = ("upsampler", what)
            noise = [RunNoise(s, None).of_frames(shape, range(1), settings.noise_correlation, *key) for s in seeds]
            return torch.cat(noise)

        stage = self.models.computing_in(self.settings.precision).upsampler_image
        return to_bytes(upsample(stage, low_res, range(len(low_res)), settings, noise_of))


def fitted(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cuts the middle out of a picture, uint8 `h w c`, in the aspect ratio asked for, and resizes it by area."""
    rows, columns = picture.shape[:2]
    keep_rows = min(rows, round(columns * height / width))
    keep_columns = min(columns, round(rows * width / height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    middle = picture[top : top + keep_rows, left : left + keep_columns]
    return np.asarray(cv2.resize(middle, (width, height), interpolation=cv2.INTER_AREA))
