"""Reconstruction losses shared by autoencoder, decoder and upsampler: weighted pixels, perceptual, adversarial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from drivesim.models.discriminators import (
    adaptive_generator_weight,
    discriminator_hinge_loss,
    generator_hinge_loss,
)
from drivesim.models.pixels import psnr_db
from drivesim.training.loop.device import mixed_precision
from drivesim.training.losses.perceptual import PerceptualDistance
from drivesim.training.stages.stage import LossTerm


@dataclass(frozen=True)
class ReconstructionConfig:
    """The weights of the losses, and the steps from which they count.

    Attributes:
        squared_weight: Weight of the squared error beside the absolute one. It gives large errors more weight, and
            these lie on vehicles and markings.
        perceptual_weight: Weight of the perceptual distance.
        perceptual_start: Step from which the perceptual distance counts.
        perceptual_share: Fraction of the batch for which it is computed.
        adversarial_weight: Weight of the adversarial loss, relative to its gradient.
        adversarial_start: Step from which the adversary takes part.
    """

    squared_weight: float = 2.0
    perceptual_weight: float = 0.12
    perceptual_start: int = 700
    perceptual_share: float = 0.25
    adversarial_weight: float = 0.05
    adversarial_start: int = 1000


class ReconstructionLoss:
    """The losses of reconstructed frames `b t 3 h w` against true ones.

    The adversary is balanced against the losses of pixels only: a second pass through the perceptual network for its
    gradient would cost as much as everything else.

    Attributes:
        config: Weights of the losses.
        judge: Returns the logits of the discriminator for frames.
        last_layer: Weight of the last layer of the network.
        perceptual: The perceptual distance.
    """

    def __init__(self, config: ReconstructionConfig, judge: Callable[[Tensor], Tensor], last_layer: Tensor) -> None:
        self.config, self.judge, self.last_layer = config, judge, last_layer
        self.perceptual = PerceptualDistance().to(last_layer.device)

    def distance(self, real: Tensor, made: Tensor) -> Tensor:
        """Returns the mean perceptual distance of frames `b t 3 h w`."""
        distances: Tensor = self.perceptual(real.flatten(0, 1), made.flatten(0, 1))
        return distances.mean()

    def is_judged(self, step: int) -> bool:
        """Returns whether the adversary takes part in a step."""
        return self.config.adversarial_weight > 0 and step >= self.config.adversarial_start

    def terms(
        self,
        real: Tensor,
        made: Tensor,
        weights: Tensor,
        regulariser: Tensor,
        step: int,
        unpaired: Tensor | None = None,
    ) -> Iterator[LossTerm]:
        """Yields the loss of the network and, once the adversary takes part, that of the discriminator.

        Args:
            real: True frames `b t 3 h w`.
            made: The reconstructed frames.
            weights: How much each pixel's error counts, `b t 1 h w`.
            regulariser: A scalar that is added to the network's loss.
            step: Number of the training step, from 0.
            unpaired: Further frames that were made, `k t 3 h w`, for which there are no true ones: the adversary alone
                judges them.
        """
        config = self.config
        pixels = pixel_loss(real, made, weights, config.squared_weight)
        loss = pixels + regulariser
        error = real - made
        figures = {"l1": error.abs().mean(), "psnr_db": psnr_db(error.square().mean())}
        if step >= config.perceptual_start:
            count = max(1, round(config.perceptual_share * len(real)))
            with mixed_precision(made.device.type):
                distance = self.distance(real[:count], made[:count]).float()
            loss, figures["perceptual"] = loss + config.perceptual_weight * distance, distance
        if not self.is_judged(step):
            yield LossTerm("network", loss, figures)
            return
        judged = made if unpaired is None else torch.cat([made, unpaired])
        fooled = generator_hinge_loss(self._logits(judged))
        balance = adaptive_generator_weight(pixels + regulariser, fooled, self.last_layer)
        weight = config.adversarial_weight * balance
        loss, figures["adversarial"] = loss + weight * fooled, fooled
        yield LossTerm("network", loss, figures)
        found = discriminator_hinge_loss(self._logits(real.detach()), self._logits(judged.detach()))
        yield LossTerm("discriminator", found, {"discriminator": found})

    def _logits(self, frames: Tensor) -> Tensor:
        with mixed_precision(frames.device.type):
            return self.judge(frames).float()


def pixel_loss(real: Tensor, made: Tensor, weights: Tensor, squared_weight: float) -> Tensor:
    """Returns the mean absolute error plus `squared_weight` times the mean squared error, weighted by pixel."""
    error = real - made
    return ((error.abs() + squared_weight * error.square()) * weights).mean()


def mean_psnr_db(real: Tensor, made: Tensor) -> float:
    """Returns the peak signal-to-noise ratio of frames `... c h w` in -1..1, averaged over frames."""
    return float(psnr_db((real - made).square().mean((-3, -2, -1))).mean())


def psnr_inside_db(real: Tensor, made: Tensor, inside: Tensor) -> float:
    """Returns the peak signal-to-noise ratio over the pixels of frames `b 3 h w` where `inside` `b 1 h w` is true.

    NaN if there are no such pixels.
    """
    error, pixels = error_inside(real, made, inside)
    return float(psnr_db(error.sum() / pixels.sum()))


def error_inside(real: Tensor, made: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Returns how far frames are apart where a mask is true, to be pooled over frames.

    Args:
        real: Frames `b 3 h w` in -1..1.
        made: Other frames of that shape.
        inside: The mask, `b 1 h w`.

    Returns:
        The squared error, averaged over channels and summed over the pixels inside, and their number: both `b`.
    """
    error = (real - made).square().mean(-3, keepdim=True)
    return (error * inside).sum((-3, -2, -1), dtype=torch.float64), inside.sum((-3, -2, -1), dtype=torch.float64)
