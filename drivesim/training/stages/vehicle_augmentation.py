"""Random changes of labelled frames, for training the vehicle detector.

No change uses a model of drivesim: the vehicle detector measures these models independently only if it has never seen
what they make of a frame. Otherwise it would learn to accept their faults.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from drivesim.training.loop.randomness import standard_normal
from drivesim.training.losses.vehicles import VehicleBoxes

_LEAST_SEEN = 0.35  # a vehicle of which a crop keeps less may be found or not


@dataclass(frozen=True)
class AugmentationConfig:
    """Probabilities and largest strengths of the changes.

    Attributes:
        flip: Probability that a picture is mirrored.
        zoom: Probability that a crop is enlarged to the whole picture.
        max_zoom: Largest enlargement of a crop.
        shrunk: Probability that a picture is shrunk and enlarged again.
        max_shrink: Largest factor by which it is shrunk.
        noise: Probability that noise is added.
        max_noise: Largest standard deviation of the noise, for pixels in -1..1.
        max_tone: Largest change of contrast and brightness; colours change by up to three tenths of it.
    """

    flip: float = 0.5
    zoom: float = 0.5
    max_zoom: float = 1.6
    shrunk: float = 0.4
    max_shrink: float = 2.0
    noise: float = 0.2
    max_noise: float = 0.04
    max_tone: float = 0.15


class Augmentation:
    """Random changes of pictures `b 3 h w` in -1..1 and of their boxes."""

    def __init__(self, config: AugmentationConfig) -> None:
        self.config = config

    def __call__(
        self, pictures: Tensor, labels: VehicleBoxes, generator: torch.Generator
    ) -> tuple[Tensor, VehicleBoxes]:
        """Returns changed pictures of the same size and their labels."""
        results = [self._one(pictures[i], labels, i, generator) for i in range(len(pictures))]
        xyxy = torch.stack([boxes for _, boxes, _ in results])
        counts = torch.stack([count for *_, count in results])
        return torch.stack([picture for picture, *_ in results]), replace(labels, xyxy=xyxy, counts=counts)

    def _one(
        self, picture: Tensor, labels: VehicleBoxes, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        config, boxes, counts = self.config, labels.xyxy[index], labels.counts[index]
        chances = torch.rand(4, generator=generator)
        amounts = torch.rand(7, generator=generator)
        if chances[0] < config.flip:
            picture, boxes = picture.flip(-1), flipped(boxes)
        if chances[1] < config.zoom:
            side = 1 / (1 + (config.max_zoom - 1) * float(amounts[0]))
            left, top = float(amounts[1]) * (1 - side), float(amounts[2]) * (1 - side)
            picture, boxes, seen = cropped(picture, boxes, left, top, side)
            counts = counts & (seen >= _LEAST_SEEN)
        if chances[2] < config.shrunk:
            picture = shrunk(picture, 1 + (config.max_shrink - 1) * float(amounts[3]))
        contrast = 1 + config.max_tone * (2 * float(amounts[4]) - 1)
        brightness = config.max_tone * (2 * float(amounts[5]) - 1)
        tint = 0.3 * config.max_tone * (2 * torch.rand((3, 1, 1), generator=generator) - 1)
        picture = picture * contrast + brightness + tint.to(picture.device)
        if chances[3] < config.noise:
            noise = standard_normal(picture.shape, generator, picture.device)
            picture = picture + config.max_noise * float(amounts[6]) * noise
        return picture.clamp(-1, 1), boxes, counts


def flipped(xyxy: Tensor) -> Tensor:
    """Returns where boxes `... 4` in 0..1 lie in the mirrored picture."""
    x0, y0, x1, y1 = xyxy.unbind(-1)
    return torch.stack([1 - x1, y0, 1 - x0, y1], -1)


def cropped(picture: Tensor, xyxy: Tensor, left: float, top: float, side: float) -> tuple[Tensor, Tensor, Tensor]:
    """Enlarges a part of a picture to the size of the whole.

    Args:
        picture: The picture, `3 h w`.
        xyxy: Boxes in 0..1 of the picture, `n 4`.
        left: Left edge of the part, in 0..1 of the picture.
        top: Upper edge of the part, in 0..1 of the picture.
        side: Width and height of the part, in 0..1 of the picture.

    Returns:
        The enlarged part `3 h w`, the boxes in it `n 4`, and which fraction of each box is left, `n`.
    """
    height, width = picture.shape[-2:]
    y, x, rows, columns = (round(v) for v in (top * height, left * width, side * height, side * width))
    part = picture[:, y : y + rows, x : x + columns]
    moved = xyxy * xyxy.new_tensor([width, height, width, height]) - xyxy.new_tensor([x, y, x, y])
    moved = moved / xyxy.new_tensor([columns, rows, columns, rows])
    inside = moved.clamp(0, 1)
    whole = (moved[..., 2:] - moved[..., :2]).prod(-1).clamp(min=1e-9)
    return _enlarged(part, (height, width)), inside, (inside[..., 2:] - inside[..., :2]).prod(-1) / whole


def shrunk(picture: Tensor, factor: float) -> Tensor:
    """Shrinks a picture `3 h w` by a factor and enlarges it again, which removes detail."""
    height, width = picture.shape[-2:]
    size = (max(1, round(height / factor)), max(1, round(width / factor)))
    return _enlarged(nn.functional.interpolate(picture[None], size, mode="area")[0], (height, width))


def _enlarged(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture `3 h w`, resized by bicubic interpolation."""
    return nn.functional.interpolate(picture[None], size, mode="bicubic", align_corners=False)[0].clamp(-1, 1)
