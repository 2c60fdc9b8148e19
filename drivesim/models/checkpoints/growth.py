"""Weights for a network with more latent channels than the one that they were trained for.

What worked on the old channels works as before: an image model denoises them alike, and a decoder ignores the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from drivesim.models.latent_channels import LatentAxis, latent_axes


def with_latent_channels(tensors: dict[str, Tensor], network: nn.Module, old: int, new: int) -> dict[str, Tensor]:
    """Returns the tensors of a checkpoint in the shapes of a network with more latent channels.

    Args:
        tensors: Tensors of a checkpoint of `old` latent channels.
        network: A network of `new` latent channels, which knows the axes that grow (`latent_axes`).
        old: Number of latent channels of the checkpoint.
        new: Number of latent channels of the network.

    Returns:
        The tensors by name. A tensor whose shape more latent channels do not explain is left as it is.
    """
    wanted, axes = network.state_dict(), latent_axes(network)
    return {
        name: _grown(tensor, wanted[name], axes[name], old, new) if name in axes and name in wanted else tensor
        for name, tensor in tensors.items()
    }


def _grown(tensor: Tensor, wanted: Tensor, along: LatentAxis, old: int, new: int) -> Tensor:
    before, after = along.lengths(old), along.lengths(new)
    shape, axis = list(wanted.shape), along.axis
    if shape[axis] != sum(after):
        return tensor
    shape[axis] = sum(before)
    if list(tensor.shape) != shape:
        return tensor
    grown = wanted.detach().clone() if along.keeps_initial else torch.zeros_like(wanted)
    source = target = 0
    for count, room in zip(before, after, strict=True):
        grown.narrow(axis, target, count).copy_(tensor.narrow(axis, source, count))
        source, target = source + count, target + room
    return grown
