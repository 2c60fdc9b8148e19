"""A compact adversarial video generator in the spirit of Long Video GAN (Brooks et al., 2022, arXiv 2206.03429).

A low-resolution generator turns noise over time, filtered at many time scales, into styles that modulate layers over
space and time, so that some of what is in a clip changes slowly and some quickly. A second generator enlarges these
clips. Each has a discriminator of clips. Nothing of this is part of the package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from drivesim.models.layers import normalisation
from drivesim.models.temporal import TemporalConv
from drivesim.models.upsampler import enlarge

FACTOR = 4
"""Enlargement of each side by the second generator."""


@dataclass(frozen=True)
class AdversarialConfig:
    """Sizes of the networks.

    height, width: of the low-resolution clips.
    noise_dim: channels of the noise of each frame.
    scales: time scales of the filters, as standard deviations in frames.
    style_dim: channels of the styles.
    widths: channels of the generator from 1/8 of the height to the full height, and back in the discriminator.
    enlarger_width: channels of the generator that enlarges.
    """

    height: int = 32
    width: int = 64
    noise_dim: int = 32
    scales: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    style_dim: int = 128
    widths: tuple[int, ...] = (128, 96, 64, 48)
    enlarger_width: int = 48


class TemporalStyles(nn.Module):
    """Styles `b t s` from white noise `b t' n`, filtered by Gaussians of many widths (Long Video GAN, Sec. 3.1)."""

    def __init__(self, config: AdversarialConfig) -> None:
        super().__init__()
        self.reach = math.ceil(3 * max(config.scales))
        along = torch.arange(-self.reach, self.reach + 1).float()
        filters = torch.stack([torch.exp(-0.5 * (along / scale) ** 2) for scale in config.scales])
        self.register_buffer("filters", filters / filters.square().sum(1, keepdim=True).sqrt())
        filtered = config.noise_dim * len(config.scales)
        self.mapping = nn.Sequential(
            nn.Linear(filtered, config.style_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(config.style_dim, config.style_dim),
            nn.LeakyReLU(0.2),
        )

    def forward(self, noise: Tensor) -> Tensor:
        """Maps noise of `t + 2 reach` frames to styles of `t` frames; filtered noise keeps unit variance."""
        rows = rearrange(noise, "b t n -> (b n) 1 t")
        filtered = F.conv1d(rows, self.filters[:, None])
        return self.mapping(rearrange(filtered, "(b n) k t -> b t (n k)", b=len(noise)))


class StyledBlock(nn.Module):
    """Two convolutions over space and one over time, modulated by the style of each frame."""

    def __init__(self, in_channels: int, out_channels: int, style_dim: int) -> None:
        super().__init__()
        self.skip = nn.Conv2d(in_channels, out_channels, 1)
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time = TemporalConv(out_channels, out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norms = nn.ModuleList(normalisation("channel", c) for c in (in_channels, out_channels, out_channels))
        self.styles = nn.ModuleList(nn.Linear(style_dim, 2 * c) for c in (in_channels, out_channels, out_channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Maps `b t c h w` with styles `b t s` to `b t c' h w`."""
        h = self._per_frame(self.first, self._modulated(x, style, 0))
        h = h + self.time(self._modulated(h, style, 1))
        h = self._per_frame(self.second, self._modulated(h, style, 2))
        return (self._per_frame(self.skip, x) + h) / math.sqrt(2)

    def _modulated(self, x: Tensor, style: Tensor, place: int) -> Tensor:
        scale, shift = self.styles[place](style)[..., None, None].chunk(2, 2)
        normed = self._per_frame(self.norms[place], x)
        return F.leaky_relu(normed * (1 + scale) + shift, 0.2)

    @staticmethod
    def _per_frame(layer: nn.Module, x: Tensor) -> Tensor:
        return rearrange(layer(x.flatten(0, 1)), "(b t) c h w -> b t c h w", t=x.shape[1])


class Generator(nn.Module):
    """Makes low-resolution clips `b t 3 h w` in -1..1 from noise over time."""

    def __init__(self, config: AdversarialConfig) -> None:
        super().__init__()
        self.config, self.styles = config, TemporalStyles(config)
        levels = len(config.widths)
        height, width = config.height >> (levels - 1), config.width >> (levels - 1)
        self.start = nn.Parameter(torch.randn(config.widths[0], height, width))
        inputs = (config.widths[0], *config.widths[:-1])
        self.blocks = nn.ModuleList(
            StyledBlock(before, after, config.style_dim) for before, after in zip(inputs, config.widths, strict=True)
        )
        self.out = nn.Conv2d(config.widths[-1], 3, 3, padding=1)

    def noise(self, clips: int, frames: int, generator: torch.Generator, device: str = "cpu") -> Tensor:
        """White noise for clips of as many frames."""
        shape = (clips, frames + 2 * self.styles.reach, self.config.noise_dim)
        return torch.randn(shape, generator=generator).to(device)

    def forward(self, noise: Tensor) -> Tensor:
        """Maps noise from `noise` to clips."""
        style = self.styles(noise)
        b, t = style.shape[:2]
        x = self.start.expand(b, t, *self.start.shape)
        for level, block in enumerate(self.blocks):
            if level:
                x = rearrange(F.interpolate(x.flatten(0, 1), scale_factor=2), "(b t) c h w -> b t c h w", t=t)
            x = block(x, style)
        return rearrange(self.out(x.flatten(0, 1)).tanh(), "(b t) c h w -> b t c h w", t=t)


class Enlarger(nn.Module):
    """Enlarges clips fourfold: adds to a bicubic enlargement what a noise field and its surroundings suggest."""

    def __init__(self, config: AdversarialConfig) -> None:
        super().__init__()
        width = config.enlarger_width
        self.stem = nn.Conv2d(3 + 1, width, 3, padding=1)
        self.space = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(4))
        self.time = nn.ModuleList(TemporalConv(width, width) for _ in range(4))
        self.out = nn.Conv2d(width, 3 * FACTOR**2, 3, padding=1)

    def forward(self, low: Tensor, noise: Tensor) -> Tensor:
        """Maps clips `b t 3 h w` and noise `b 1 1 h w`, the same for all frames, to `b t 3 4h 4w` in -1..1."""
        b, t = low.shape[:2]
        h = self.stem(torch.cat([low, noise.expand(b, t, -1, -1, -1)], 2).flatten(0, 1))
        for space, time in zip(self.space, self.time, strict=True):
            h = h + space(F.leaky_relu(h, 0.2)) / 2
            moving = rearrange(F.leaky_relu(h, 0.2), "(b t) c h w -> b t c h w", t=t)
            h = h + time(moving).flatten(0, 1) / 2
        detail = F.pixel_shuffle(self.out(F.leaky_relu(h, 0.2)), FACTOR)
        return (enlarge(low, FACTOR) + rearrange(detail, "(b t) c h w -> b t c h w", t=t)).clamp(-1, 1)


class Discriminator(nn.Module):
    """Judges clips `b t c h w` as a whole: each level halves the sides, and the later ones the time as well."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv3d(in_channels, widths[0], (1, 3, 3), padding=(0, 1, 1))
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.LeakyReLU(0.2),
                nn.Conv3d(before, after, 3, stride=(1 if level == 0 else 2, 2, 2), padding=1),
            )
            for level, (before, after) in enumerate(pairwise((*widths, widths[-1])))
        )
        self.head = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(widths[-1] + 1, widths[-1]), nn.LeakyReLU(0.2))
        self.logit = nn.Linear(widths[-1], 1)

    def forward(self, clips: Tensor) -> Tensor:
        """Maps clips to logits `b`."""
        h = self.stem(rearrange(clips, "b t c h w -> b c t h w"))
        for level in self.levels:
            h = level(h)
        pooled = h.mean((2, 3, 4))
        spread = pooled.std(0, correction=0).mean().expand(len(pooled), 1)  # shows clips that are all alike
        return self.logit(self.head(torch.cat([pooled, spread], 1)))[:, 0]
