"""Decoding a stretch of latents so that it equals the decoding of the whole video."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from drivesim.models.autoencoder import Autoencoder


def decode_frames(autoencoder: Autoencoder, latents: Tensor, wanted: range, frames_at_a_time: int) -> Tensor:
    """Decodes the latents `t c h w` at the indices `wanted` to frames `t 3 H W` in -1..1, as one tensor."""
    return torch.cat(list(decode_blocks(autoencoder, latents, wanted, frames_at_a_time)))


def decode_blocks(autoencoder: Autoencoder, latents: Tensor, wanted: range, frames_at_a_time: int) -> Iterator[Tensor]:
    """Decodes the latents `t c h w` at the indices `wanted` to blocks of up to `frames_at_a_time` frames, in order.

    Each frame is decoded together with its neighbours as far as the decoder's temporal layers reach.
    """
    reach = autoencoder.decoder.temporal_reach
    for start in range(wanted.start, wanted.stop, frames_at_a_time):
        stop = min(start + frames_at_a_time, wanted.stop)
        first, last = max(0, start - reach), min(len(latents), stop + reach)
        decoded = autoencoder.decode(latents[None, first:last])[0]
        yield decoded[start - first : stop - first]
