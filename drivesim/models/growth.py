"""Starting a network from the checkpoint of one with fewer latent channels; the new channels begin as nothing.

What worked on the old channels does as before: an image model denoises them alike, a decoder sees them alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

Parts = tuple[tuple[int, int], ...]
"""Along an axis, one after the other: how many entries there were of each kind, and how many there are now."""


def with_latent_channels(
    tensors: dict[str, Tensor], wanted: dict[str, Tensor], old: int, new: int
) -> dict[str, Tensor]:
    """The tensors of a checkpoint of `old` latent channels at the shapes of `wanted`, a network's of `new` ones.

    Entries of new channels are zero; of the encoder, of latent statistics and of variances they are the network's own.
    Tensors of other shapes than growth explains are left as they are.
    """
    return {
        name: _grown(name, tensor, wanted[name], old, new) if name in wanted else tensor
        for name, tensor in tensors.items()
    }


def _grown(name: str, tensor: Tensor, wanted: Tensor, old: int, new: int) -> Tensor:
    if tensor.shape == wanted.shape or tensor.ndim != wanted.ndim:
        return tensor
    axis, *others = (i for i, (a, b) in enumerate(zip(tensor.shape, wanted.shape, strict=True)) if a != b)
    parts = _parts(name, tensor.shape[axis], old, new)
    if others or min(count for pair in parts for count in pair) < 0:
        return tensor
    if sum(count for count, _ in parts) != tensor.shape[axis] or sum(c for _, c in parts) != wanted.shape[axis]:
        return tensor
    own = name.startswith(("encoder.", "latent_"))
    grown = wanted.detach().clone() if own else torch.zeros_like(wanted)
    source = target = 0
    for count, count_now in parts:
        grown.narrow(axis, target, count).copy_(tensor.narrow(axis, source, count))
        source, target = source + count, target + count_now
    return grown


def _parts(name: str, size: int, old: int, new: int) -> Parts:
    """How the grown axis of a tensor is made up; `size`: its old length."""
    latents, known = (old, new), ((old, new), (2, 2))
    if name.startswith("context_encoder.stem"):
        return (*known, *known)
    if name.startswith("temporal_output.conv_in"):
        features = size - 3 * old - 4
        return ((features, features), latents, *known, *known)
    if name.startswith("temporal_output.conv_out"):
        return (latents,) * 4
    if name.startswith("encoder.conv_out"):
        return (latents, latents)
    return (latents, (size - old, size - old))
