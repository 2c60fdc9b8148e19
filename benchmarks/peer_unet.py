"""The video U-Net of diffusers (that of Stable Video Diffusion), built to be compared with ours.

It needs the package diffusers: pip install 'drivesim[bench]'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from torch import Tensor, nn

_HEAD_DIM, _CROSS_DIM, _TIME_IDS = 64, 64, 3


@dataclass(frozen=True)
class PeerShape:
    """The shape of what a peer denoises: `b t c h w`, and its blocks per level."""

    frames: int
    channels: int
    height: int
    width: int
    layers: int


def peer_unet(widths: Sequence[int], shape: PeerShape) -> nn.Module:
    """A `UNetSpatioTemporalConditionModel` with channels `widths`; its attention is at all levels but the finest."""
    from diffusers import UNetSpatioTemporalConditionModel

    deeper = len(widths) - 1
    return UNetSpatioTemporalConditionModel(
        sample_size=shape.height,
        in_channels=shape.channels,
        out_channels=shape.channels,
        block_out_channels=tuple(widths),
        layers_per_block=shape.layers,
        cross_attention_dim=_CROSS_DIM,
        num_attention_heads=tuple(max(1, width // _HEAD_DIM) for width in widths),
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=32 * _TIME_IDS,
        num_frames=shape.frames,
        down_block_types=("DownBlockSpatioTemporal", *["CrossAttnDownBlockSpatioTemporal"] * deeper),
        up_block_types=(*["CrossAttnUpBlockSpatioTemporal"] * deeper, "UpBlockSpatioTemporal"),
    ).eval()


def peer_step(network: nn.Module, x: Tensor) -> Tensor:
    """One call of a peer on `b t c h w`."""
    states = x.new_zeros(len(x), 1, _CROSS_DIM)
    times = torch.tensor(500, device=x.device)
    return network(x, times, encoder_hidden_states=states, added_time_ids=x.new_zeros(len(x), _TIME_IDS)).sample


def widths_nearest(parameters: int, num_levels: int, shape: PeerShape) -> tuple[int, ...]:
    """The channels, multiples of 32 that do not shrink from level to level, with the nearest number of parameters."""

    def size(widths: tuple[int, ...]) -> int:
        with torch.device("meta"):
            return num_parameters(peer_unet(widths, shape))

    sides = range(32, 257, 32)
    rising = (w for w in product(sides, repeat=num_levels) if all(a <= b <= 2 * a for a, b in pairwise(w)))
    return min((w for w in rising if len(set(w)) > 1), key=lambda widths: abs(size(widths) - parameters))


def num_parameters(network: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
