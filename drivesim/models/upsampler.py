"""The pixel-space upsampler: a U-Net on unshuffled pixels that draws the residual to a bicubic enlargement (Eq. 5).

`pixel_unshuffle` is a permutation, so the diffusion is the one of the paper, at a fraction of the cost of full
resolution. Normalisation is per position and there is no attention over space: what a pixel becomes depends only on
its surroundings within `reach`, so the model is trained on patches and applied in tiles (Sec. 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.temporal import TemporalConfig
from drivesim.models.unet import UNet, UNetConfig


@dataclass(frozen=True)
class UpsamplerConfig:
    """`factor`: enlargement of each side. `unshuffle`: pixels folded into channels. `residual_std`: of the residual."""

    factor: int = 4
    unshuffle: int = 8
    base_channels: int = 64
    multipliers: tuple[int, ...] = (1, 2)
    blocks_per_level: int = 1
    residual_std: float = 0.1
    temporal: TemporalConfig | None = None

    def unet(self) -> UNetConfig:
        """The U-Net on unshuffled pixels."""
        return UNetConfig(
            in_channels=3 * self.unshuffle**2,
            base_channels=self.base_channels,
            multipliers=self.multipliers,
            blocks_per_level=self.blocks_per_level,
            norm="channel",
            low_res_channels=3 * (self.unshuffle // self.factor) ** 2,
            pass_noise=True,
            temporal=self.temporal,
        )


class Upsampler(nn.Module):
    """Denoises the scaled residual between full-resolution frames and enlarged low-resolution frames."""

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        if config.unshuffle % config.factor:
            raise ValueError(f"unshuffle {config.unshuffle} must be a multiple of the factor {config.factor}")
        self.config = config
        self.unet = UNet(config.unet())

    @property
    def reach(self) -> int:
        """Low-resolution pixels on each side that an output pixel depends on, rounded up to whole coarsest cells."""
        levels = len(self.config.multipliers)
        cells = 2  # the first and the last convolution
        for level in range(levels):
            blocks = 2 * self.config.blocks_per_level + 1 + (2 if level == levels - 1 else 0)
            per_block = 3 if self.config.temporal else 2
            cells += (per_block * blocks + (1 if level else 0)) * 2**level + (2**level if level else 0)
        coarsest = 2 ** (levels - 1)
        cells = -(-cells // coarsest) * coarsest
        return cells * self.config.unshuffle // self.config.factor

    def forward(self, x: Tensor, tau: Tensor, conditioning: Conditioning) -> Tensor:
        """Noisy residual `b t 3 H W`, `tau` `b`, conditions with `low_res` `b t 3 H/factor W/factor`, to a prediction."""
        low_res = conditioning.low_res
        folded = _unshuffled(low_res.frames, self.config.unshuffle // self.config.factor)
        inner = replace(conditioning, low_res=LowResolution(folded, low_res.tau))
        prediction = self.unet(_unshuffled(x, self.config.unshuffle), tau, inner)
        return _shuffled(prediction, self.config.unshuffle)

    def residual(self, frames: Tensor, low_res: Tensor) -> Tensor:
        """What is diffused: full frames `b t 3 H W` less the enlarged clean low-resolution ones, at unit scale."""
        return (frames - enlarge(low_res, self.config.factor)) / self.config.residual_std

    def frames(self, residual: Tensor, low_res: Tensor) -> Tensor:
        """The inverse of `residual`, clamped to -1..1."""
        return (residual * self.config.residual_std + enlarge(low_res, self.config.factor)).clamp(-1, 1)


def enlarge(frames: Tensor, factor: int) -> Tensor:
    """Bicubic enlargement of `b t c h w`."""
    big = nn.functional.interpolate(frames.flatten(0, 1), scale_factor=factor, mode="bicubic", align_corners=False)
    return rearrange(big, "(b t) c h w -> b t c h w", t=frames.shape[1])


def _unshuffled(x: Tensor, by: int) -> Tensor:
    return rearrange(x, "b t c (h i) (w j) -> b t (c i j) h w", i=by, j=by)


def _shuffled(x: Tensor, by: int) -> Tensor:
    return rearrange(x, "b t (c i j) h w -> b t c (h i) (w j)", i=by, j=by)
