"""The weights that a training starts from: its base, its teacher, and a checkpoint that the user names."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints.condition_growth import as_grown, with_conditions
from drivesim.models.checkpoints.files import config_of, latent_channels_of, load_checkpoint, stage_tensors
from drivesim.models.checkpoints.growth import with_latent_channels
from drivesim.models.checkpoints.publishing import verify_published
from drivesim.models.networks import build, network_of
from drivesim.models.stages import BASE_OF, LAYOUTS, TEACHER_OF, checkpoint_file
from drivesim.models.temporal import temporal_names
from drivesim.models.unet import UNet, UNetConfig
from drivesim.training.loop.randomness import same_start
from drivesim.training.preparation.request import StageRequest

if TYPE_CHECKING:
    from drivesim.models.stages import NetworkConfig


class MisfitError(CheckpointError):
    """The weights that a stage is to start from are whole, but of other sizes than its network."""


def check_start(request: StageRequest) -> None:
    """Checks the weights that a stage is to start from, without building its network in memory.

    Raises:
        MisfitError: They are of other sizes.
        CheckpointError: They are missing or damaged.
    """
    if request.initial is None or request.role == LAYOUTS:
        return
    verify_published(request.initial, [request.role])
    with torch.device("meta"):
        network = build(request.role, request.preset)
    _initial_tensors(request, request.initial, network)


def network_to_train(request: StageRequest) -> tuple[nn.Module, int | None]:
    """Builds the network of a stage with the weights that it starts from.

    Returns:
        The network, and the number of latent channels of the checkpoint that it starts from, if that has fewer.

    Raises:
        CheckpointError: A checkpoint is missing, damaged, or of other sizes.
    """
    role = request.role
    network = teacher_of(request) if role in TEACHER_OF else _untrained(request)
    if request.initial is None:
        return network, None
    tensors, known_channels = _initial_tensors(request, request.initial, network)
    network.load_state_dict({**network.state_dict(), **tensors})
    return network, known_channels


def teacher_of(request: StageRequest) -> UNet:
    """Loads the network that a student starts from and learns to replace.

    Raises:
        CheckpointError: Its checkpoint, or the one that it stands on, is missing or damaged.
    """
    role = TEACHER_OF[request.role]
    base = BASE_OF.get(role)
    network = load_checkpoint(request.checkpoint(role), role, None if base is None else request.checkpoint(base))
    return cast(UNet, network)


def _untrained(request: StageRequest) -> nn.Module:
    """The network of a stage; nothing of it is trained but the base of a video stage."""
    role, base = request.role, None
    if role in BASE_OF:
        base = load_checkpoint(request.checkpoint(BASE_OF[role]), BASE_OF[role])
    with same_start(request.seed):
        network = build(role, request.preset) if base is None else network_of(role, _on_base(request, base))
    if base is not None:
        network.load_state_dict({**network.state_dict(), **base.state_dict()})
    return network


def _on_base(request: StageRequest, base: nn.Module) -> NetworkConfig:
    """The configuration of a video stage, which has the conditions that the network under it was trained with."""
    config = request.preset.config_of(request.role)
    if not isinstance(config, UNetConfig) or not isinstance(base, UNet):
        return config
    return replace(config, box_attributes=base.config.box_attributes, road_raster=base.config.road_raster)


def _initial_tensors(request: StageRequest, folder: Path, network: nn.Module) -> tuple[dict[str, Tensor], int | None]:
    """The tensors to start from, and their number of latent channels if the network has more."""
    role, preset = request.role, request.preset
    path = checkpoint_file(folder, role)
    known, wanted = latent_channels_of(path), preset.autoencoder.latent_channels
    tensors, own = with_conditions(stage_tensors(path, role), config_of(path), network), network.state_dict()
    grows = known is not None and known < wanted
    if known is not None and grows:
        tensors = with_latent_channels(tensors, network, known, wanted)
    needed = temporal_names(network) if role in BASE_OF else set(own)
    other = needed ^ tensors.keys() or {name for name in needed if tensors[name].shape != own[name].shape}
    if other:
        raise MisfitError(
            f"{path}: does not fit preset {preset.name}: {_difference(path, preset.config_of(role), grows)}; use "
            "a set of the same sizes, or one without this file: the stage then starts from nothing"
        )
    return tensors, known if grows else None


def _difference(path: Path, config: NetworkConfig, grows: bool) -> str:
    """Says in words where the sizes of a checkpoint differ from those of a stage, except for what may grow."""
    wanted = json.loads(json.dumps(asdict(config)))
    there = as_grown(config_of(path), wanted)
    names = [name for name in wanted if there.get(name) != wanted[name]]
    if grows:
        names = [name for name in names if name not in ("latent_channels", "in_channels")]
    listed = ", ".join(f"its {name} is {there.get(name)}, expected {wanted[name]}" for name in names[:3])
    return listed or "its tensors have other names or shapes"
