"""Spatial building blocks, which treat their input as a batch of independent pictures `b c h w`."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from einops import rearrange
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class ChannelNorm(nn.Module):
    """RMS normalisation over channels at each position, without statistics over space."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps `b c h w` to the same shape."""
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6) * self.gain


def normalisation(kind: str, channels: int) -> nn.Module:
    """Returns a normalisation: `group` is group normalisation over the picture, `channel` is `ChannelNorm`."""
    if kind == "group":
        return nn.GroupNorm(math.gcd(16, channels), channels)
    if kind == "channel":
        return ChannelNorm(channels)
    raise ValueError(f"normalisation is 'group' or 'channel', not {kind!r}")


def zero_initialised(module: Network) -> Network:
    """Sets all parameters of a module to zero, so that a residual branch that ends in it has no effect at first."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def embedding_table(num_rows: int, dim: int) -> nn.Embedding:
    """Returns an `nn.Embedding`, initialised as torch does it, except on the meta device.

    A network whose parameters are loaded is built there. `nn.init.normal_` would import torch's compiler for a tensor
    without memory, which takes longer than loading the network.
    """
    rows = torch.empty(num_rows, dim)
    if not rows.is_meta:
        nn.init.normal_(rows)
    table: nn.Embedding = nn.Embedding.from_pretrained(rows, freeze=False)  # type: ignore[no-untyped-call]
    return table


def sinusoidal_embedding(position: Tensor, dim: int, max_period: float = 10_000.0) -> Tensor:
    """Returns sines and cosines of positions `(...)` at geometric frequencies, `(... dim)`."""
    half = dim // 2
    frequency = torch.exp(torch.arange(half, device=position.device) * (-math.log(max_period) / half))
    angle = position.float()[..., None] * frequency
    return torch.cat([angle.cos(), angle.sin()], -1)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a residual path; an embedding, if given, scales and shifts between them."""

    def __init__(self, in_channels: int, out_channels: int, embedding_dim: int | None, norm: str) -> None:
        super().__init__()
        self.norm_in = normalisation(norm, in_channels)
        self.conv_in = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.modulation = nn.Linear(embedding_dim, 2 * out_channels) if embedding_dim else None
        self.norm_out = normalisation(norm, out_channels)
        self.conv_out = zero_initialised(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()
        self.activation = nn.SiLU()

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Maps `b c h w`, and an embedding `b d` if the block takes one, to `b c' h w`."""
        h = self.conv_in(self.activation(self.norm_in(x)))
        h = self.norm_out(h)
        if self.modulation is not None:
            scale, shift = self.modulation(self.activation(embedding))[..., None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        out: Tensor = self.skip(x) + self.conv_out(self.activation(h))
        return out


class SpatialAttention(nn.Module):
    """Self-attention over the positions of each picture, with a residual path."""

    def __init__(self, channels: int, head_dim: int, norm: str) -> None:
        super().__init__()
        self.heads = max(1, channels // head_dim)
        self.norm = normalisation(norm, channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.to_out = zero_initialised(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps `b c h w` to the same shape."""
        qkv = rearrange(self.to_qkv(self.norm(x)), "b (qkv n d) h w -> qkv b n (h w) d", qkv=3, n=self.heads)
        q, k, v = qkv.contiguous()  # else torch takes its slow path on a CPU, which keeps all weights
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        out: Tensor = x + self.to_out(rearrange(attended, "b n (h w) d -> b (n d) h w", h=x.shape[-2]))
        return out


class Downsample(nn.Module):
    """Halves height and width with a strided convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `b c h w` to `b c' h/2 w/2`."""
        out: Tensor = self.conv(x)
        return out


class Upsample(nn.Module):
    """Doubles height and width by nearest neighbours and a convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `b c h w` to `b c' 2h 2w`."""
        out: Tensor = self.conv(nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out
