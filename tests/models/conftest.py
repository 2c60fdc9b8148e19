from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from drivesim.models.conditioning import BoxLayout, Conditioning, ContextFrames, EgoMotion
from drivesim.models.presets import Preset, tiny
from drivesim.models.temporal import TemporalConfig
from drivesim.models.unet import UNetConfig

Randomise = Callable[..., nn.Module]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def randomise() -> Randomise:
    """Moves every parameter off its initial value, so that no branch is trivially zero; returns the module."""

    def apply(module: nn.Module, std: float = 0.1) -> nn.Module:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += std * torch.randn(parameter.shape, generator=generator)
        return module.eval()

    return apply


@pytest.fixture(scope="session")
def preset() -> Preset:
    return tiny()


@pytest.fixture(scope="session")
def image_config(preset: Preset) -> UNetConfig:
    return preset.image


@pytest.fixture(scope="session")
def video_config(image_config: UNetConfig) -> UNetConfig:
    """With every temporal layer and every condition that there is."""
    temporal = TemporalConfig((0, 1), context_channels=8, ego_motion=True, frame_rate=True, head_dim=16)
    return replace(image_config, temporal=temporal)


@pytest.fixture
def conditioning() -> Conditioning:
    """All conditions of two samples of four frames with 8×16 latents, all known."""
    corner = torch.rand(2, 4, 3, 2) * 0.6
    mask = torch.tensor([[True, True, False, False], [True, False, False, True]])
    return Conditioning(
        boxes=BoxLayout(torch.cat([corner, corner + 0.3], -1), torch.randint(4, (2, 4, 3)), torch.tensor([True, True])),
        time_of_day=torch.tensor([0, 1]),
        crowdedness=torch.tensor([3, 12]),
        ego_motion=EgoMotion(torch.randn(2, 4, 2) + 3, torch.tensor([True, True])),
        context=ContextFrames(torch.randn(2, 4, 8, 8, 16), mask),
        frame_rate=torch.tensor([0, 1]),
    )
