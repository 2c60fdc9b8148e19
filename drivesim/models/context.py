"""Context frames for the temporal layers: known latents and their mask, encoded at each level (Sec. 3.2).

Instead of the masked latents and the mask of the paper, every frame sees the nearest known frame before and after it
and their distance in frames, so that a small network need not carry them through time itself.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.conditioning import ContextFrames
from drivesim.models.latent_channels import PER_CHANNEL, LatentAxis
from drivesim.models.layers import normalisation, zero_initialised
from drivesim.models.temporal import Merge, TemporalLayer


def nearest_known(context: ContextFrames) -> Tensor:
    """Returns the nearest known latents on both sides of each frame: `b t c h w` to `b t 2(c + 2) h w`.

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


class ContextOutput(TemporalLayer):
    """The last temporal layer, on the prediction itself, so that known frames need not pass through frozen layers.

    Gates, computed at each position, add shares of the noisy input and of the nearest known latents on both sides.
    They start at zero, so that the video model starts as the image model.
    """

    def __init__(self, features: int, latent_channels: int, embedding_dim: int, norm: str) -> None:
        super().__init__()
        self.latent_channels = latent_channels
        self.norm = normalisation(norm, features)
        self.conv_in = nn.Conv2d(features + latent_channels + 2 * (latent_channels + 2), features, 3, padding=1)
        self.modulation = nn.Linear(embedding_dim, 2 * features)
        self.conv_out = zero_initialised(nn.Conv2d(features, 4 * latent_channels, 3, padding=1))
        self.merge = Merge()
        self.activation = nn.SiLU()

    def forward(self, out: Tensor, h: Tensor, x: Tensor, context: ContextFrames, embedding: Tensor) -> Tensor:
        """Corrects a prediction by what is known.

        Args:
            out: Prediction of the image model, `b t c h w`.
            h: Its last features, `b t f h w`.
            x: Its noisy input, `b t c h w`.
            context: The known frames.
            embedding: Embedding of the conditions of each frame, `b t d`.

        Returns:
            The prediction of the video model, `b t c h w`.
        """
        known = nearest_known(context)
        side = self.latent_channels + 2
        before, after = known[:, :, : self.latent_channels], known[:, :, side : side + self.latent_channels]
        seen = torch.cat([self.norm(h.flatten(0, 1)), x.flatten(0, 1), known.flatten(0, 1)], 1)
        scale, shift = self.modulation(self.activation(embedding)).flatten(0, 1)[..., None, None].chunk(2, 1)
        gates = self.conv_out(self.activation(self.conv_in(seen) * (1 + scale) + shift))
        of_input, of_before, of_after, rest = rearrange(gates, "(b t) c h w -> b t c h w", t=x.shape[1]).chunk(4, 2)
        shares = of_input * x + of_before * before + of_after * after + rest
        merged: Tensor = self.merge(out, out + shares.to(out.dtype))
        return merged

    def latent_axes(self) -> dict[str, LatentAxis]:
        """Says which parameters depend on the number of latent channels, see `LatentSized`."""
        features = self.conv_in.out_channels
        gates = LatentAxis(0, (PER_CHANNEL,) * 4)
        return {
            "conv_in.weight": LatentAxis(1, (features, PER_CHANNEL, PER_CHANNEL, 2, PER_CHANNEL, 2)),
            "conv_out.weight": gates,
            "conv_out.bias": gates,
        }


class ContextEncoder(TemporalLayer):
    """Encodes context frames for each level of the U-Net with learned downsampling."""

    def __init__(self, latent_channels: int, channels: int, num_levels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2 * (latent_channels + 2), channels, 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=1 if level == 0 else 2, padding=1) for level in range(num_levels)
        )
        self.activation = nn.SiLU()

    def forward(self, context: ContextFrames) -> list[Tensor]:
        """Maps context `b t c h w` to features `b t k h/2^i w/2^i` for each level i."""
        t = context.mask.shape[1]
        h = self.stem(nearest_known(context).flatten(0, 1))
        features = []
        for level in self.levels:
            h = level(self.activation(h))
            features.append(rearrange(h, "(b t) c h w -> b t c h w", t=t))
        return features

    def latent_axes(self) -> dict[str, LatentAxis]:
        """Says which parameters depend on the number of latent channels, see `LatentSized`."""
        return {"stem.weight": LatentAxis(1, (PER_CHANNEL, 2, PER_CHANNEL, 2))}
