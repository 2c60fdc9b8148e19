"""Context frames for the temporal layers: known latents and their mask, encoded at each level (Sec. 3.2).

Beside the masked latents and the mask of the paper, every frame sees the nearest known frame before and after it
with the distance in frames, so that a small network need not carry them through time itself.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.conditioning import ContextFrames


def nearest_known(context: ContextFrames) -> Tensor:
    """Nearest known latents on both sides of each frame: `b t c h w` to `b t 2(c + 2) h w`.

    Each side holds the latents, a flag that there are any, and their distance in frames over the number of frames;
    a known frame is its own neighbour at distance zero. A side without known frames is zero.
    """
    num_frames = context.mask.shape[1]
    index = torch.arange(num_frames, device=context.mask.device)
    before = torch.where(context.mask, index, -1).cummax(1).values
    after = torch.where(context.mask, index, num_frames).flip(1).cummin(1).values.flip(1)
    sides = [_gathered(context.latents, side, (side - index).abs()) for side in (before, after)]
    return torch.cat(sides, 2)


def _gathered(latents: Tensor, neighbour: Tensor, distance: Tensor) -> Tensor:
    t, (h, w) = latents.shape[1], latents.shape[-2:]
    exists = ((neighbour >= 0) & (neighbour < t)).to(latents.dtype)
    batch = torch.arange(len(latents), device=latents.device)[:, None]
    picked = latents[batch, neighbour.clamp(0, t - 1)] * exists[:, :, None, None, None]
    planes = torch.stack([exists, exists * distance / t], 2)[..., None, None].expand(-1, -1, -1, h, w)
    return torch.cat([picked, planes.to(latents.dtype)], 2)


class ContextEncoder(nn.Module):
    """Encodes context frames once per level of the U-Net with learned downsampling."""

    def __init__(self, latent_channels: int, channels: int, num_levels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2 * (latent_channels + 2), channels, 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=1 if level == 0 else 2, padding=1) for level in range(num_levels)
        )
        self.activation = nn.SiLU()

    def forward(self, context: ContextFrames) -> list[Tensor]:
        """Context `b t c h w` to one `b t k h/2^i w/2^i` a level."""
        t = context.mask.shape[1]
        h = self.stem(nearest_known(context).flatten(0, 1))
        features = []
        for level in self.levels:
            h = level(self.activation(h))
            features.append(rearrange(h, "(b t) c h w -> b t c h w", t=t))
        return features
