"""The one U-Net: the image LDM without temporal layers, every video model with them (Video LDM, Sec. 3.1, Fig. 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.box_attributes import attribute_channels, rasterise_attributes
from drivesim.models.box_raster import raster_channels, rasterise
from drivesim.models.conditioning import Conditioning, ContextFrames, LowResolution
from drivesim.models.context import ContextEncoder, ContextOutput
from drivesim.models.embedding import NoiseEmbedding, SceneEmbedding, TemporalEmbedding
from drivesim.models.latent_channels import PER_CHANNEL, LatentAxis
from drivesim.models.layers import (
    Downsample,
    ResidualBlock,
    SpatialAttention,
    Upsample,
    normalisation,
    zero_initialised,
)
from drivesim.models.road_raster import fold, road_channels
from drivesim.models.temporal import TemporalAttention, TemporalConfig, TemporalResidualBlock


@dataclass(frozen=True)
class UNetConfig:
    """The sizes of a U-Net and the conditions that it accepts.

    Attributes:
        in_channels: Channels of the noisy input and of the prediction.
        base_channels: Channels of the finest level.
        multipliers: Channels of each level as multiples of `base_channels`, finest first.
        blocks_per_level: Blocks per level on the way down; on the way up there is one more.
        attention_levels: Levels with self-attention over space.
        head_dim: Dimensions of an attention head.
        norm: Kind of normalisation, see `drivesim.models.layers.normalisation`.
        box_categories: Number of vehicle categories of the box layout; 0 for a network without boxes.
        box_raster_scale: How many times finer than the latents the boxes are drawn.
        box_attributes: Whether headings and colours of the boxes are drawn beside them.
        road_raster: Whether the network is conditioned on the road in view.
        scene_labels: Whether the network is conditioned on time of day and crowdedness.
        low_res_channels: Channels of a low-resolution picture that is concatenated to the input, and whose noise level
            is embedded; 0 for a network without it.
        pass_noise: Whether a path leads from the input to the output, gated at every position, for models whose input
            has more dimensions than their trunk carries.
        temporal: The temporal layers of a video model; None for an image model.
    """

    in_channels: int
    base_channels: int
    multipliers: tuple[int, ...]
    blocks_per_level: int = 1
    attention_levels: tuple[int, ...] = ()
    head_dim: int = 32
    norm: str = "group"
    box_categories: int = 0
    box_raster_scale: int = 2
    box_attributes: bool = False
    road_raster: bool = False
    scene_labels: bool = False
    low_res_channels: int = 0
    pass_noise: bool = False
    temporal: TemporalConfig | None = None

    @property
    def embedding_dim(self) -> int:
        """The dimensions of the embeddings of noise level and conditions."""
        return 4 * self.base_channels

    @property
    def input_channels(self) -> dict[str, int]:
        """The number of channels of each part of the network's input, in order; 0 for a part that it does not get."""
        scale, boxes = self.box_raster_scale, self.box_categories
        return {
            "latents": self.in_channels,
            "low_res": self.low_res_channels,
            "boxes": raster_channels(boxes, scale) if boxes else 0,
            "box_attributes": attribute_channels(scale) if self.box_attributes else 0,
            "road_raster": road_channels() if self.road_raster else 0,
        }


class UNetBlock(nn.Module):
    """Spatial layers, followed by temporal layers in a video model."""

    def __init__(self, config: UNetConfig, in_channels: int, out_channels: int, level: int) -> None:
        super().__init__()
        self.level = level
        self.block = ResidualBlock(in_channels, out_channels, config.embedding_dim, config.norm)
        attention = level in config.attention_levels
        self.attention = SpatialAttention(out_channels, config.head_dim, config.norm) if attention else None
        temporal = config.temporal
        self.temporal_block = self.temporal_attention = None
        if temporal is not None:
            self.temporal_block = TemporalResidualBlock(
                out_channels,
                temporal.context_channels,
                config.embedding_dim,
                temporal.spatial_kernel,
                config.norm,
                temporal.temporal_kernel,
            )
            if level in temporal.attention_levels:
                self.temporal_attention = TemporalAttention(out_channels, temporal.head_dim, config.norm)

    def forward(
        self, x: Tensor, embedding: Tensor, context: list[Tensor] | None, temporal_embedding: Tensor | None
    ) -> Tensor:
        """Maps `b t c h w` to `b t c' h w`.

        Args:
            x: Features `b t c h w`.
            embedding: Embedding of noise level and scene, `(b t) d`.
            context: Encoded context frames of each level.
            temporal_embedding: Embedding for the temporal layers, `b t d`.
        """
        t = x.shape[1]
        h: Tensor = self.block(x.flatten(0, 1), embedding)
        if self.attention is not None:
            h = self.attention(h)
        h = rearrange(h, "(b t) c h w -> b t c h w", t=t)
        if self.temporal_block is not None:
            h = self.temporal_block(h, context[self.level] if context else None, temporal_embedding)
        if self.temporal_attention is not None:
            h = self.temporal_attention(h)
        return h


class _OfBlocks(NamedTuple):
    """What every block is given beside its features, see `UNetBlock.forward`."""

    embedding: Tensor
    context: list[Tensor] | None
    temporal: Tensor | None


class _Given(NamedTuple):
    """The conditions of a call, the frames that are known in it, and what is given to each block."""

    conditioning: Conditioning
    known: ContextFrames | None
    of_blocks: _OfBlocks


class UNet(nn.Module):
    """Predicts the target of a parametrization from a noisy input, its diffusion time and conditions."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.base_channels * m for m in config.multipliers]
        self.noise_embedding = NoiseEmbedding(config.embedding_dim)
        self.scene_embedding = SceneEmbedding(config.embedding_dim) if config.scene_labels else None
        self.low_res_embedding = NoiseEmbedding(config.embedding_dim) if config.low_res_channels else None
        self.stem = nn.Conv2d(sum(config.input_channels.values()), widths[0], 3, padding=1)

        self.down, self.downsample = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            if level:
                self.downsample.append(Downsample(widths[level - 1], width))
            self.down.append(_blocks(config, config.blocks_per_level, width, width, level))
        last = len(widths) - 1
        self.middle = _blocks(config, 2, widths[last], widths[last], last)
        self.up, self.upsample = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(len(widths))):
            self.up.append(_blocks(config, config.blocks_per_level + 1, 2 * widths[level], widths[level], level))
            if level:
                self.upsample.append(Upsample(widths[level], widths[level - 1]))
        self.norm_out = normalisation(config.norm, widths[0])
        self.conv_out = zero_initialised(nn.Conv2d(widths[0], config.in_channels, 3, padding=1))
        self.noise_gate = None
        if config.pass_noise:
            self.noise_gate = zero_initialised(nn.Conv2d(widths[0], config.in_channels, 1))

        temporal = config.temporal
        self.temporal_embedding = self.context_encoder = self.temporal_output = None
        if temporal is not None:
            self.temporal_embedding = TemporalEmbedding(config.embedding_dim, temporal)
            if temporal.context_channels:
                self.context_encoder = ContextEncoder(config.in_channels, temporal.context_channels, len(widths))
                self.temporal_output = ContextOutput(widths[0], config.in_channels, config.embedding_dim, config.norm)

    def forward(self, x: Tensor, tau: Tensor, conditioning: Conditioning | None = None) -> Tensor:
        """Maps noisy `x` `b t c h w` at diffusion times `tau` `b` to a prediction of the same shape."""
        t = x.shape[1]
        given = self._embedded(x, tau, conditioning or Conditioning())
        skips, levels = self._encoded(x, given)
        h = levels[-1]
        for index, blocks in enumerate(cast(Iterable[nn.ModuleList], self.up)):
            for block in blocks:
                h = block(torch.cat([h, skips.pop()], 2), *given.of_blocks)
            if index < len(self.upsample):
                h = _per_frame(self.upsample[index], h)
        features = nn.functional.silu(self.norm_out(h.flatten(0, 1)))
        out: Tensor = self.conv_out(features)
        if self.noise_gate is not None:
            out = out + self.noise_gate(features) * x.flatten(0, 1)
        out = rearrange(out, "(b t) c h w -> b t c h w", t=t)
        if self.temporal_output is not None:
            out = self.temporal_output(out, h, x, given.known, given.of_blocks.temporal)
        return out

    def features(self, x: Tensor, tau: Tensor, conditioning: Conditioning) -> list[Tensor]:
        """Returns what the way down and the middle make of noisy `x` `b t c h w` at diffusion times `tau` `b`.

        Returns:
            The activations `b t c h w` after the last block of each level, finest first, and after the middle.
        """
        return self._encoded(x, self._embedded(x, tau, conditioning))[1]

    def feature_widths(self) -> list[int]:
        """Returns the number of channels of each of the `features`."""
        widths = [self.config.base_channels * m for m in self.config.multipliers]
        return [*widths, widths[-1]]

    def _embedded(self, x: Tensor, tau: Tensor, conditioning: Conditioning) -> _Given:
        b, t = x.shape[:2]
        embedding = self.noise_embedding(tau)
        if self.scene_embedding is not None:
            embedding = embedding + self.scene_embedding(conditioning, b)
        if self.low_res_embedding is not None:
            embedding = embedding + self.low_res_embedding(_low_res_of(conditioning).tau)
        embedding = embedding.repeat_interleave(t, 0)
        temporal_embedding = context = known = None
        if self.temporal_embedding is not None:
            temporal_embedding = self.temporal_embedding(tau, conditioning, t)
        if self.context_encoder is not None:
            known = conditioning.context or _no_context(x)
            context = self.context_encoder(known)
        return _Given(conditioning, known, _OfBlocks(embedding, context, temporal_embedding))

    def _encoded(self, x: Tensor, given: _Given) -> tuple[list[Tensor], list[Tensor]]:
        """What the way up takes from the way down, and the activations after each level and after the middle."""
        h = self.stem(self._with_maps(x, given.conditioning).flatten(0, 1))
        h = rearrange(h, "(b t) c h w -> b t c h w", t=x.shape[1])
        skips, levels = [h], []
        for level, blocks in enumerate(cast(Iterable[nn.ModuleList], self.down)):
            if level:
                h = _per_frame(self.downsample[level - 1], h)
                skips.append(h)
            for block in blocks:
                h = block(h, *given.of_blocks)
                skips.append(h)
            levels.append(h)
        for block in self.middle:
            h = block(h, *given.of_blocks)
        return skips, [*levels, h]

    def latent_axes(self) -> dict[str, LatentAxis]:
        """Says which parameters depend on the number of latent channels, see `LatentSized`."""
        maps, out = self.stem.in_channels - self.config.in_channels, LatentAxis(0, (PER_CHANNEL,))
        return {"stem.weight": LatentAxis(1, (PER_CHANNEL, maps)), "conv_out.weight": out, "conv_out.bias": out}

    def _with_maps(self, x: Tensor, conditioning: Conditioning) -> Tensor:
        maps = [x]
        if self.config.low_res_channels:
            maps.append(_low_res_of(conditioning).frames)
        if self.config.box_categories:
            categories, scale = self.config.box_categories, self.config.box_raster_scale
            if conditioning.boxes is None:
                maps.append(x.new_zeros(*x.shape[:2], raster_channels(categories, scale), *x.shape[-2:]))
            else:
                height, width = x.shape[-2:]
                maps.append(rasterise(conditioning.boxes, categories, height, width, scale).to(x.dtype))
        if self.config.box_attributes:
            maps.append(rasterise_attributes(conditioning, x, self.config.box_raster_scale).to(x.dtype))
        if self.config.road_raster:
            if conditioning.road is None:
                maps.append(x.new_zeros(*x.shape[:2], road_channels(), *x.shape[-2:]))
            else:
                maps.append(fold(conditioning.road, *x.shape[-2:]).to(x.dtype))
        return torch.cat(maps, 2)


def _blocks(config: UNetConfig, count: int, in_channels: int, out_channels: int, level: int) -> nn.ModuleList:
    return nn.ModuleList(UNetBlock(config, in_channels, out_channels, level) for _ in range(count))


def _low_res_of(conditioning: Conditioning) -> LowResolution:
    if conditioning.low_res is None:
        raise ValueError("this network enlarges frames: expected low_res among its conditions")
    return conditioning.low_res


def _no_context(x: Tensor) -> ContextFrames:
    return ContextFrames(torch.zeros_like(x), torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device))


def _per_frame(layer: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = layer(x.flatten(0, 1))
    return rearrange(out, "(b t) c h w -> b t c h w", t=x.shape[1])
