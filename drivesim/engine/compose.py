"""The first keyframe: composed from boxes by the image LDM, or encoded from a picture."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from drivesim.diffusion.guidance import guided
from drivesim.engine.conditions import GUIDED
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import EngineSettings
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.conditioning import Conditioning
from drivesim.models.presets import VideoFormat
from drivesim.scenario import read_picture


def compose_keyframes(
    image: DiffusionStage, conditions: Conditioning, settings: EngineSettings, noise: Tensor
) -> Tensor:
    """Noise `b c h w` to the latents `b c h w` of frames that follow boxes and labels, one condition a sample."""
    denoise = guided(
        image.denoise(conditions),
        image.denoise(conditions.drop(*GUIDED)),
        settings.image_guidance,
        rescale=settings.guidance_rescale,
    )
    return image.sample(denoise, noise[:, None], settings.image)[:, 0]


def keyframe_from_picture(autoencoder: Autoencoder, path: str, video: VideoFormat, device: torch.device) -> Tensor:
    """The latents `c h w` of a picture file; InputError where it cannot be used."""
    return keyframe_from_pixels(autoencoder, read_picture(path), video, device)


def keyframe_from_pixels(
    autoencoder: Autoencoder, picture: np.ndarray, video: VideoFormat, device: torch.device
) -> Tensor:
    """The latents `c h w` of a picture, uint8 `h w 3`."""
    small = fitted(picture, video.low_height, video.low_width)
    frame = torch.from_numpy(small).to(device).permute(2, 0, 1).float() / 127.5 - 1
    return autoencoder.encode(frame[None, None])[0, 0]


def fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a picture, uint8 `h w c`, of the aspect that is asked for, resized by area."""
    rows, columns = pixels.shape[:2]
    keep_rows = min(rows, round(columns * height / width))
    keep_columns = min(columns, round(rows * width / height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    middle = pixels[top : top + keep_rows, left : left + keep_columns]
    return cv2.resize(middle, (width, height), interpolation=cv2.INTER_AREA)
