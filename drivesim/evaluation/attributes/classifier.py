"""A small network that tells which way a vehicle in a crop faces and which colour it has.

It is trained on recorded frames alone, before each measurement, in half a minute of one core. No model of drivesim is
involved, so that it measures them independently. Crops are blurred at random in training, because composed frames are
softer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.evaluation.attributes.crops import SIDE, ShownVehicles
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.models.pixels import to_unit_range
from drivesim.scenario.schema.vocabulary import COLOURS

_SEEN = 32
"""Side in pixels of what the network sees of a crop: its middle, moved a little in training."""
_AT_A_TIME = 256


@dataclass(frozen=True)
class ClassifierTraining:
    """How the classifier is trained.

    Attributes:
        steps: Number of steps.
        batch_size: Number of crops per step.
        learning_rate: Learning rate at the beginning; it falls to zero along a cosine.
        blurred: Probability that the crops of a step are blurred.
        seed: Seed of weights and batches.
    """

    steps: int = 800
    batch_size: int = 64
    learning_rate: float = 2e-3
    blurred: float = 0.6
    seed: int = 0


class AttributeClassifier(nn.Module):
    """Maps crops `b 3 h w` in -1..1 to cosine and sine of the heading, `b 2`, and logits of the colours, `b k`."""

    def __init__(self, widths: tuple[int, ...] = (48, 64, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
        for before, width in zip((12, *widths), widths, strict=False):
            stride = 1 if before == 12 else 2
            layers += [nn.Conv2d(before, width, 3, stride, 1), nn.GroupNorm(8, width), nn.SiLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(2 * widths[-1], 2 + len(COLOURS))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(crops)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        out = self.head(pooled)
        return out[:, :2], out[:, 2:]


def train_classifier(
    crops: np.ndarray, vehicles: ShownVehicles, config: ClassifierTraining, on_progress: OnProgress
) -> AttributeClassifier:
    """Trains a classifier on crops of recorded vehicles.

    Args:
        crops: The crops, uint8 `m SIDE SIDE 3`.
        vehicles: What the labels say of them.
        config: How it is trained.
        on_progress: Is called with the progress of the work.
    """
    generator = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = AttributeClassifier()
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.01)
    heading, colour = torch.from_numpy(vehicles.heading_rad).float(), torch.from_numpy(vehicles.colour)
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * (1 + math.cos(math.pi * step / config.steps)) / 2
        chosen = torch.randint(len(crops), (config.batch_size,), generator=generator)
        pictures = _changed(torch.from_numpy(crops[chosen.numpy()]), config.blurred, generator)
        mirrored = torch.rand(config.batch_size, generator=generator) < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures)
        facing, colours = network(pictures)
        loss = _heading_loss(facing, torch.where(mirrored, -heading[chosen], heading[chosen]))
        loss = loss + _colour_loss(colours, colour[chosen])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        on_progress("training the classifier", step + 1, config.steps)
    return network.eval()


@torch.inference_mode()
def classified(network: AttributeClassifier, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the heading in radians and the position of the colour in `COLOURS` of each crop: `m` and `m`."""
    headings, colours = [np.zeros(0)], [np.zeros(0, np.int64)]
    first = (SIDE - _SEEN) // 2
    for start in range(0, len(crops), _AT_A_TIME):
        whole = to_unit_range(torch.from_numpy(crops[start : start + _AT_A_TIME]))
        facing, logits = network(whole[..., first : first + _SEEN, first : first + _SEEN])
        headings.append(torch.atan2(facing[:, 1], facing[:, 0]).numpy())
        colours.append(logits.argmax(1).numpy())
    return np.concatenate(headings), np.concatenate(colours)


def _changed(crops: Tensor, blurred: float, generator: torch.Generator) -> Tensor:
    """Crops `b s s 3` as pictures `b 3 _SEEN _SEEN`, moved, made brighter or darker and sometimes blurred at random."""
    pictures = to_unit_range(crops)
    top, left = torch.randint(SIDE - _SEEN + 1, (2,), generator=generator).tolist()
    pictures = pictures[..., top : top + _SEEN, left : left + _SEEN]
    amount = torch.rand(4, generator=generator)
    if amount[0] < blurred:
        side = round(_SEEN * (0.4 + 0.5 * float(amount[1])))
        small = nn.functional.interpolate(pictures, (side, side), mode="area")
        pictures = nn.functional.interpolate(small, (_SEEN, _SEEN), mode="bilinear", align_corners=False)
    contrast, brightness = 1 + 0.2 * (2 * float(amount[2]) - 1), 0.1 * (2 * float(amount[3]) - 1)
    return (pictures * contrast + brightness).clamp(-1, 1)


def _heading_loss(facing: Tensor, heading_rad: Tensor) -> Tensor:
    known = heading_rad.isfinite()
    angle = heading_rad.nan_to_num()
    error = (facing - torch.stack([angle.cos(), angle.sin()], 1)).square().sum(1)
    return (error * known).sum() / known.sum().clamp(min=1)


def _colour_loss(logits: Tensor, colour: Tensor) -> Tensor:
    loss = nn.functional.cross_entropy(logits, colour, ignore_index=-1, reduction="sum")
    return loss / (colour >= 0).sum().clamp(min=1)
