"""Temporal layers, which turn the image model into a video model (Video LDM, Sec. 3.1).

A temporal layer sees `b t c h w`, mixes frames, and is merged with its spatial input by
`alpha * spatial + (1 - alpha) * temporal`. Its last projection starts at zero, so that the video model starts as
the image model. Normalisation is per frame: a frame's statistics never depend on how many frames come with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.layers import normalisation, sinusoidal_embedding, zero_initialised


@dataclass(frozen=True)
class TemporalConfig:
    """Which temporal layers a network has, and which conditions enter through them.

    Attributes:
        attention_levels: Levels with temporal attention besides the convolutions.
        context_channels: Number of channels of the encoded context frames; 0 for a network without them.
        ego_motion: Whether the network is conditioned on ego motion.
        frame_rate: Whether the network is conditioned on the regime of the frame rate.
        context_noise: Whether the network is conditioned on the noise level of its context frames.
        spatial_kernel: Side of the second convolution of a block, which lets it follow what moves.
        temporal_kernel: Number of frames that the first convolution of a block spans; with 1, frames exchange what they
            know through attention alone.
        head_dim: Dimensions of an attention head.
    """

    attention_levels: tuple[int, ...] = ()
    context_channels: int = 0
    ego_motion: bool = False
    frame_rate: bool = False
    context_noise: bool = False
    spatial_kernel: int = 3
    head_dim: int = 32
    temporal_kernel: int = 3


class TemporalLayer(nn.Module):
    """A module that only video models have: its parameters are phi, which video training alone changes (Eq. 2)."""


def temporal_names(network: nn.Module) -> set[str]:
    """Returns the names of the parameters and buffers in the temporal layers of a network."""
    return {
        f"{path}.{name}"
        for path, module in network.named_modules()
        if isinstance(module, TemporalLayer)
        for name in module.state_dict()
    }


def temporal_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    """Returns phi: the parameters in the temporal layers of a network, by name, in the network's order."""
    names = temporal_names(network)
    return {name: parameter for name, parameter in network.named_parameters() if name in names}


def last_temporal_projection(network: nn.Module) -> Tensor | None:
    """Returns the weight of the last convolution in the last temporal block of a network; None without such blocks."""
    blocks = [module for module in network.modules() if isinstance(module, TemporalResidualBlock)]
    return blocks[-1].conv_out.weight if blocks else None


class TemporalConv(nn.Module):
    """A 3-D convolution of kernel (k, 1, 1), computed as a 2-D one over (t, h·w), which is faster on a CPU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, (kernel, 1), padding=(kernel // 2, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Maps `b t c h w` to `b t c' h w`."""
        # A channels-last view crashes the backward pass of oneDNN here (torch 2.13, CPU).
        out: Tensor = self.conv(rearrange(x, "b t c h w -> b c t (h w)").contiguous())
        return rearrange(out, "b c t (h w) -> b t c h w", h=x.shape[-2])


class Merge(nn.Module):
    """`alpha * spatial + (1 - alpha) * temporal` with one learned alpha in (0, 1), always the spatial weight."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha_logit = nn.Parameter(torch.zeros(()))

    def forward(self, spatial: Tensor, temporal: Tensor) -> Tensor:
        """Returns the weighted mean of two tensors of one shape."""
        return torch.lerp(temporal, spatial, torch.sigmoid(self.alpha_logit))


class TemporalResidualBlock(TemporalLayer):
    """A residual block of factorised 3-D convolutions: first (3, 1, 1) or (1, 1, 1), then (1, k, k)."""

    def __init__(
        self,
        channels: int,
        context_channels: int,
        embedding_dim: int | None,
        spatial_kernel: int,
        norm: str,
        temporal_kernel: int = 3,
    ) -> None:
        super().__init__()
        self.norm_in = normalisation(norm, channels)
        self.conv_in = TemporalConv(channels + context_channels, channels, temporal_kernel)
        self.modulation = nn.Linear(embedding_dim, 2 * channels) if embedding_dim else None
        self.norm_out = normalisation(norm, channels)
        self.conv_out = zero_initialised(nn.Conv2d(channels, channels, spatial_kernel, padding=spatial_kernel // 2))
        self.merge = Merge()
        self.activation = nn.SiLU()

    def forward(self, x: Tensor, context: Tensor | None = None, embedding: Tensor | None = None) -> Tensor:
        """Maps `b t c h w`, with context `b t k h w` and embedding `b t d` if there are any, to the same shape."""
        t = x.shape[1]
        h = rearrange(self.activation(self.norm_in(x.flatten(0, 1))), "(b t) c h w -> b t c h w", t=t)
        if context is not None:
            h = torch.cat([h, context], 2)
        h = self.norm_out(self.conv_in(h).flatten(0, 1))
        if self.modulation is not None:
            scale, shift = self.modulation(self.activation(embedding)).flatten(0, 1)[..., None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        h = rearrange(self.conv_out(self.activation(h)), "(b t) c h w -> b t c h w", t=t)
        merged: Tensor = self.merge(x, x + h)
        return merged


class TemporalAttention(TemporalLayer):
    """Self-attention over time at each position, with sinusoidal positions."""

    def __init__(self, channels: int, head_dim: int, norm: str) -> None:
        super().__init__()
        self.heads = max(1, channels // head_dim)
        self.norm = normalisation(norm, channels)
        self.to_qkv = nn.Linear(channels, 3 * channels)
        self.to_out = zero_initialised(nn.Linear(channels, channels))
        self.merge = Merge()

    def forward(self, x: Tensor) -> Tensor:
        """Maps `b t c h w` to the same shape."""
        b, t, c, height, _ = x.shape
        tokens = rearrange(self.norm(x.flatten(0, 1)), "(b t) c h w -> (b h w) t c", t=t)
        tokens = tokens + sinusoidal_embedding(torch.arange(t, device=x.device), c, max_period=100.0).to(x.dtype)
        tokens = tokens.contiguous()  # else a linear layer becomes one small product per position
        q, k, v = rearrange(self.to_qkv(tokens), "s t (qkv n d) -> qkv s n t d", qkv=3, n=self.heads)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        out = self.to_out(rearrange(attended, "s n t d -> s t (n d)"))
        merged: Tensor = self.merge(x, x + rearrange(out, "(b h w) t c -> b t c h w", b=b, h=height))
        return merged
