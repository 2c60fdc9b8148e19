"""The weights that a network starts from, where it has conditions that the checkpoint has not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drivesim.models.checkpoints.files import save_checkpoint
from drivesim.models.networks import build
from drivesim.models.presets import Preset, tiny
from drivesim.models.stages import checkpoint_file
from drivesim.models.unet import UNet
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.weights import network_to_train


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image checkpoint that knows neither roads nor headings and colours."""
    save_checkpoint(checkpoint_file(tmp_path, "image"), build("image", tiny()), "image")
    return tmp_path


def with_conditions() -> Preset:
    return replace(tiny(), image=replace(tiny().image, box_attributes=True, road_raster=True))


def test_an_image_network_starts_with_zero_weights_for_new_conditions(folder: Path) -> None:
    before, _ = network_to_train(StageRequest("image", tiny(), folder, folder, initial=folder))
    after, _ = network_to_train(StageRequest("image", with_conditions(), folder, folder, initial=folder))
    old, new = before.state_dict(), after.state_dict()
    known = old["stem.weight"].shape[1]
    assert new["stem.weight"].shape[1] > known
    assert torch.equal(new["stem.weight"][:, :known], old["stem.weight"])
    assert not new["stem.weight"][:, known:].any()
    assert all(torch.equal(new[name], tensor) for name, tensor in old.items() if name != "stem.weight")


@pytest.mark.parametrize("role", ["prediction", "interpolation"])
def test_a_video_network_has_the_conditions_of_the_image_network_under_it(folder: Path, role: str) -> None:
    network, _ = network_to_train(StageRequest(role, with_conditions(), folder, folder))
    assert isinstance(network, UNet)
    assert not network.config.box_attributes
    assert not network.config.road_raster
