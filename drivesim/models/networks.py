"""Builds the network of a stage: untrained for a preset, or in the shape that a checkpoint describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from drivesim.models.autoencoder import Autoencoder, AutoencoderConfig
from drivesim.models.presets import Preset
from drivesim.models.stages import STAGES, Family
from drivesim.models.unet import UNet, UNetConfig
from drivesim.models.upsampler import Upsampler, UpsamplerConfig
from drivesim.models.vehicle_detector import VehicleDetector, VehicleDetectorConfig

if TYPE_CHECKING:
    from drivesim.models.stages import NetworkConfig


@dataclass(frozen=True)
class Architecture:
    """The class of a network and the class of its configuration, which is the network's only argument."""

    config: type[Any]
    network: type[nn.Module]


_ARCHITECTURES = {
    Family.AUTOENCODER: Architecture(AutoencoderConfig, Autoencoder),
    Family.LATENT_DIFFUSION: Architecture(UNetConfig, UNet),
    Family.UPSAMPLER: Architecture(UpsamplerConfig, Upsampler),
    Family.VEHICLE_DETECTOR: Architecture(VehicleDetectorConfig, VehicleDetector),
}


def architecture_of(role: str) -> Architecture:
    """Returns the classes of a stage's network and configuration.

    Raises:
        ValueError: The stage has no network, or there is no such stage.
    """
    stage = STAGES.get(role)
    if stage is None or stage.family not in _ARCHITECTURES:
        raise ValueError(f"expected a stage with a network, got {role!r}")
    return _ARCHITECTURES[stage.family]


def network_of(role: str, config: NetworkConfig) -> nn.Module:
    """Builds an untrained network of a stage with this configuration."""
    return architecture_of(role).network(config)


def build(role: str, preset: Preset) -> nn.Module:
    """Builds an untrained network of a stage in the sizes of a preset.

    Raises:
        ValueError: The stage has no network, or there is no such stage.
    """
    return network_of(role, preset.config_of(role))
