"""What pictures go through before the vehicle reader learns from them, so that it also reads what models make."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from drivesim.models.autoencoder import Autoencoder
from drivesim.training.randomness import standard_normal
from drivesim.training.reader_loss import VehicleBoxes

_LEAST_SEEN = 0.35  # a vehicle of which a crop keeps less may be found or not


@dataclass(frozen=True)
class AugmentationConfig:
    """Probabilities and largest strengths.

    `decoded`: as the autoencoder draws a picture, from latents (of unit variance) with up to `latent_noise` on them.
    `shrunk`: at the autoencoder's resolution, but not through it.
    """

    flip: float = 0.5
    zoom: float = 0.5
    max_zoom: float = 1.6
    decoded: float = 0.35
    latent_noise: float = 0.25
    shrunk: float = 0.25
    blur: float = 0.4
    max_blur_px: float = 2.0
    noise: float = 0.3
    max_noise: float = 0.12
    max_tone: float = 0.25


class Augmentation:
    """Random changes of pictures `b 3 h w` in -1..1 and their boxes; `low` is the autoencoder's picture size."""

    def __init__(self, config: AugmentationConfig, autoencoder: Autoencoder, low: tuple[int, int]) -> None:
        self.config, self.autoencoder, self.low = config, autoencoder, low

    def __call__(
        self, pictures: Tensor, labels: VehicleBoxes, generator: torch.Generator
    ) -> tuple[Tensor, VehicleBoxes]:
        """New pictures of the same size, and their labels."""
        made = self._as_made(pictures, generator)
        results = [self._one(made[i], labels, i, generator) for i in range(len(made))]
        xyxy = torch.stack([boxes for _, boxes, _ in results])
        counts = torch.stack([count for *_, count in results])
        return torch.stack([picture for picture, *_ in results]), replace(labels, xyxy=xyxy, counts=counts)

    def _as_made(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Some pictures small and enlarged, some of these as the autoencoder draws them from slightly wrong latents."""
        chance = torch.rand(len(pictures), generator=generator)
        decoded = chance < self.config.decoded
        small = chance < self.config.decoded + self.config.shrunk
        if not small.any():
            return pictures
        shrunk = nn.functional.interpolate(pictures[small.to(pictures.device)], self.low, mode="area")
        through = decoded[small]
        if through.any():
            shrunk[through.to(shrunk.device)] = self._through_autoencoder(shrunk[through.to(shrunk.device)], generator)
        made = pictures.clone()
        made[small.to(made.device)] = _resized(shrunk, pictures.shape[-2:])
        return made

    @torch.no_grad()
    def _through_autoencoder(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        latents = self.autoencoder.encode(pictures[:, None])
        strength = self.config.latent_noise * torch.rand((len(latents), 1, 1, 1, 1), generator=generator)
        noise = strength.to(latents.device) * standard_normal(latents.shape, generator, latents.device)
        return self.autoencoder.decode(latents + noise)[:, 0]

    def _one(
        self, picture: Tensor, labels: VehicleBoxes, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        config, boxes, counts = self.config, labels.xyxy[index], labels.counts[index]
        chances = torch.rand(4, generator=generator)
        amounts = torch.rand(8, generator=generator)
        if chances[0] < config.flip:
            picture, boxes = picture.flip(-1), flipped(boxes)
        if chances[1] < config.zoom:
            side = 1 / (1 + (config.max_zoom - 1) * float(amounts[0]))
            left, top = float(amounts[1]) * (1 - side), float(amounts[2]) * (1 - side)
            picture, boxes, seen = cropped(picture, boxes, left, top, side)
            counts = counts & (seen >= _LEAST_SEEN)
        if chances[2] < config.blur:
            picture = blurred(picture[None], 0.3 + (config.max_blur_px - 0.3) * float(amounts[3]))[0]
        contrast = 1 + config.max_tone * (2 * float(amounts[4]) - 1)
        brightness = config.max_tone * (2 * float(amounts[5]) - 1)
        tint = 0.3 * config.max_tone * (2 * torch.rand((3, 1, 1), generator=generator) - 1)
        picture = picture * contrast + brightness + tint.to(picture.device)
        if chances[3] < config.noise:
            noise = standard_normal(picture.shape, generator, picture.device)
            picture = picture + config.max_noise * float(amounts[6]) * noise
        return picture.clamp(-1, 1), boxes, counts


def flipped(xyxy: Tensor) -> Tensor:
    """Boxes `... 4` in 0..1 in the mirrored picture."""
    x0, y0, x1, y1 = xyxy.unbind(-1)
    return torch.stack([1 - x1, y0, 1 - x0, y1], -1)


def cropped(picture: Tensor, xyxy: Tensor, left: float, top: float, side: float) -> tuple[Tensor, Tensor, Tensor]:
    """A part of a picture `3 h w` at the same size, its boxes `n 4`, and how much of each box is left, `n`.

    `left`, `top` and `side` are in 0..1 of the picture.
    """
    height, width = picture.shape[-2:]
    y, x, rows, columns = (round(v) for v in (top * height, left * width, side * height, side * width))
    part = picture[:, y : y + rows, x : x + columns]
    moved = xyxy * xyxy.new_tensor([width, height, width, height]) - xyxy.new_tensor([x, y, x, y])
    moved = moved / xyxy.new_tensor([columns, rows, columns, rows])
    inside = moved.clamp(0, 1)
    whole = (moved[..., 2:] - moved[..., :2]).prod(-1).clamp(min=1e-9)
    return _resized(part[None], (height, width))[0], inside, (inside[..., 2:] - inside[..., :2]).prod(-1) / whole


def blurred(pictures: Tensor, sigma_px: float) -> Tensor:
    """Pictures `b c h w` under a Gaussian."""
    reach = max(1, round(3 * sigma_px))
    x = torch.arange(-reach, reach + 1, device=pictures.device, dtype=pictures.dtype)
    bell = torch.exp(-0.5 * (x / sigma_px).square())
    bell = (bell / bell.sum()).expand(pictures.shape[1], 1, 1, -1)
    padded = nn.functional.pad(pictures, (reach, reach, reach, reach), mode="replicate")
    across = nn.functional.conv2d(padded, bell, groups=pictures.shape[1])
    return nn.functional.conv2d(across, bell.mT, groups=pictures.shape[1])


def _resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    return nn.functional.interpolate(pictures, tuple(size), mode="bicubic", align_corners=False).clamp(-1, 1)
