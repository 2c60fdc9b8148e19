"""Patch discriminators on images and on video, and the losses of the adversarial training."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True)
class PatchDiscriminatorConfig:
    """The sizes of a patch discriminator, whose logits each judge a patch and not the whole picture.

    Attributes:
        in_channels: Channels of the pictures.
        channels: Number of channels after each convolution of stride 2.
    """

    in_channels: int = 3
    channels: tuple[int, ...] = (32, 64, 128)


class PatchDiscriminator2d(nn.Module):
    """Tells real patches of single images from generated ones (Isola et al., 2017), with spectral normalisation."""

    def __init__(self, config: PatchDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        for width, next_width in pairwise((config.in_channels, *config.channels)):
            layers += [
                spectral_norm(nn.Conv2d(width, next_width, kernel_size=4, stride=2, padding=1)),
                nn.LeakyReLU(0.2),
            ]
        layers.append(spectral_norm(nn.Conv2d(config.channels[-1], 1, kernel_size=3, padding=1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Maps images `b c h w` to logits `b 1 h' w'`; each entry of `channels` halves the sides once."""
        logits: Tensor = self.layers(images)
        return logits


class PatchDiscriminator3d(nn.Module):
    """Tells real patches of video from generated ones by 3-D convolutions over time and space (Video LDM, 3.1.1).

    The first layer, at the largest resolution, sees single frames; the later ones see three. Time keeps its length.
    """

    def __init__(self, config: PatchDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        for depth, (width, next_width) in enumerate(pairwise((config.in_channels, *config.channels))):
            time_kernel = 1 if depth == 0 else 3
            kernel, padding = (time_kernel, 4, 4), (time_kernel // 2, 1, 1)
            layers += [
                spectral_norm(nn.Conv3d(width, next_width, kernel, stride=(1, 2, 2), padding=padding)),
                nn.LeakyReLU(0.2),
            ]
        layers.append(spectral_norm(nn.Conv3d(config.channels[-1], 1, kernel_size=3, padding=1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, video: Tensor) -> Tensor:
        """Maps video `b t c h w` to logits `b t 1 h' w'`; each entry of `channels` halves the sides once."""
        logits: Tensor = rearrange(self.layers(rearrange(video, "b t c h w -> b c t h w")), "b c t h w -> b t c h w")
        return logits


def discriminator_hinge_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Returns the loss of the discriminator: 0 once all real logits are above 1 and all fake ones below -1."""
    return 0.5 * (relu(1 - real_logits).mean() + relu(1 + fake_logits).mean())


def generator_hinge_loss(fake_logits: Tensor) -> Tensor:
    """Returns the loss of the generator: the lower, the more real its patches look to the discriminator."""
    return -fake_logits.mean()


def adaptive_generator_weight(
    reconstruction_loss: Tensor, generator_loss: Tensor, last_layer: Tensor, ceiling: float = 1e4
) -> Tensor:
    """Returns the weight at which both losses have gradients of the same norm at the last layer of the generator.

    It is the ratio of the norms (Esser et al., 2021, Eq. 7), detached. Both graphs are kept for the backward pass.

    Args:
        reconstruction_loss: The reconstruction loss, a scalar.
        generator_loss: The adversarial loss of the generator, a scalar.
        last_layer: Weight of the last layer of the generator.
        ceiling: Largest weight.
    """
    (reconstruction_gradient,) = torch.autograd.grad(reconstruction_loss, last_layer, retain_graph=True)
    (generator_gradient,) = torch.autograd.grad(generator_loss, last_layer, retain_graph=True)
    weight: Tensor = (reconstruction_gradient.norm() / (generator_gradient.norm() + 1e-4)).clamp(max=ceiling).detach()
    return weight
