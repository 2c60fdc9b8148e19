"""The pixel-space upsampler: a U-Net on unshuffled pixels that predicts the residual of a bicubic enlargement (Eq. 5).

`pixel_unshuffle` is a permutation, so the diffusion is the one of the paper, at a fraction of the cost of full
resolution. Normalisation is per position and there is no attention over space: what a pixel becomes depends only on
its surroundings, so that the model is trained on patches and applied to whole frames (Sec. 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from einops import rearrange
from torch import Tensor, nn

from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.temporal import TemporalConfig
from drivesim.models.unet import UNet, UNetConfig


@dataclass(frozen=True)
class UpsamplerConfig:
    """The sizes of an upsampler.

    Attributes:
        factor: Enlargement of each side.
        unshuffle: Side of the blocks of pixels that are folded into channels.
        base_channels: Channels of the finest level.
        multipliers: Channels of each level as multiples of `base_channels`, finest first.
        blocks_per_level: Blocks per level.
        residual_std: Standard deviation of the residual of an enlargement, which is diffused at unit scale.
        temporal: The temporal layers of the video upsampler; None for the image upsampler.
    """

    factor: int = 4
    unshuffle: int = 8
    base_channels: int = 64
    multipliers: tuple[int, ...] = (1, 2)
    blocks_per_level: int = 1
    residual_std: float = 0.1
    temporal: TemporalConfig | None = None

    def unet(self) -> UNetConfig:
        """Returns the configuration of the U-Net on unshuffled pixels."""
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

    def forward(self, x: Tensor, tau: Tensor, conditioning: Conditioning) -> Tensor:
        """Maps a noisy residual `b t 3 H W` at diffusion times `tau` `b` to a prediction of the same shape.

        The conditions must hold low-resolution frames `b t 3 H/f W/f`.
        """
        low_res = conditioning.low_res
        if low_res is None:
            raise ValueError("the upsampler enlarges frames: expected low_res among its conditions")
        folded = _unshuffled(low_res.frames, self.config.unshuffle // self.config.factor)
        inner = replace(conditioning, low_res=LowResolution(folded, low_res.tau))
        prediction = self.unet(_unshuffled(x, self.config.unshuffle), tau, inner)
        return _shuffled(prediction, self.config.unshuffle)

    def residual(self, frames: Tensor, low_res: Tensor) -> Tensor:
        """Returns what is diffused: frames `b t 3 H W` minus the enlarged low-resolution ones, at unit scale."""
        return (frames - enlarge(low_res, self.config.factor)) / self.config.residual_std

    def frames(self, residual: Tensor, low_res: Tensor) -> Tensor:
        """Returns the frames `b t 3 H W` of a residual, the inverse of `residual`, clamped to -1..1."""
        return (residual * self.config.residual_std + enlarge(low_res, self.config.factor)).clamp(-1, 1)


def enlarge(frames: Tensor, factor: int) -> Tensor:
    """Enlarges frames `b t c h w` by bicubic interpolation."""
    big = nn.functional.interpolate(frames.flatten(0, 1), scale_factor=factor, mode="bicubic", align_corners=False)
    return rearrange(big, "(b t) c h w -> b t c h w", t=frames.shape[1])


def _unshuffled(x: Tensor, by: int) -> Tensor:
    return rearrange(x, "b t c (h i) (w j) -> b t (c i j) h w", i=by, j=by)


def _shuffled(x: Tensor, by: int) -> Tensor:
    return rearrange(x, "b t (c i j) h w -> b t c (h i) (w j)", i=by, j=by)
