"""Weights for a network with more conditions than the one that they were trained for.

Headings, colours and roads are channels of the input. A network that gets them for the first time starts with zero
weights for them, so that it predicts what it predicted before, whatever they say. The embedding of the noise level of
context frames ends in zero weights too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from drivesim.models.unet import UNet, UNetConfig

SWITCHES = ("box_attributes", "road_raster")
"""Fields of `UNetConfig` for conditions that a checkpoint may lack."""
_STEM = "stem.weight"
_CONTEXT_NOISE = "temporal_embedding.context_noise."


def new_conditions(config: Mapping[str, object], network: nn.Module) -> list[str]:
    """Returns which of `SWITCHES` a network has and the configuration of a checkpoint has not."""
    if not isinstance(network, UNet):
        return []
    return [name for name in SWITCHES if getattr(network.config, name) and not config.get(name)]


def with_conditions(tensors: dict[str, Tensor], config: Mapping[str, Any], network: nn.Module) -> dict[str, Tensor]:
    """Returns the tensors of a checkpoint with weights without effect for the conditions that only the network has.

    Args:
        tensors: Tensors of a checkpoint.
        config: Its configuration.
        network: The network that starts from it.

    Returns:
        The tensors by name. They are left as they are if they do not fit the configuration.
    """
    if not isinstance(network, UNet):
        return tensors
    return _with_maps(tensors, config, network) | _embedding_of_context_noise(config, network)


def as_grown(config: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the configuration of a checkpoint with the conditions that it may gain as another one has them."""
    grown = {**config, **{name: wanted[name] for name in SWITCHES if name in wanted and not config.get(name)}}
    temporal = config.get("temporal")
    if temporal and wanted.get("temporal") and not temporal.get("context_noise"):
        grown["temporal"] = {**temporal, "context_noise": wanted["temporal"]["context_noise"]}
    return grown


def _embedding_of_context_noise(config: Mapping[str, Any], network: UNet) -> dict[str, Tensor]:
    """The first weights of the embedding, if the network has it and the checkpoint has not."""
    temporal = config.get("temporal")
    if not temporal or temporal.get("context_noise"):
        return {}
    return {name: tensor for name, tensor in network.state_dict().items() if name.startswith(_CONTEXT_NOISE)}


def _with_maps(tensors: dict[str, Tensor], config: Mapping[str, object], network: UNet) -> dict[str, Tensor]:
    if not new_conditions(config, network) or _STEM not in tensors:
        return tensors
    try:
        had = TypeAdapter(UNetConfig).validate_python(dict(config)).input_channels
    except ValidationError:
        return tensors
    stem = tensors[_STEM]
    if stem.ndim != 4 or stem.shape[1] != sum(had.values()):
        return tensors
    parts = dict(zip(had, torch.split(stem, list(had.values()), 1), strict=True))
    for name in new_conditions(config, network):
        parts[name] = stem.new_zeros(len(stem), network.config.input_channels[name], *stem.shape[2:])
    return {**tensors, _STEM: torch.cat(list(parts.values()), 1)}
