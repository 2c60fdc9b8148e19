"""A network that gets new conditions predicts what the old one did, whatever the new conditions say."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch

from drivesim.models.checkpoints.condition_growth import as_grown, new_conditions, with_conditions
from drivesim.models.conditioning import BoxColours, BoxHeadings, BoxLayout, Conditioning, ContextFrames, RoadLayout
from drivesim.models.presets import tiny
from drivesim.models.unet import UNet, UNetConfig

KNOWN = torch.tensor([True, True])


def network(seed: int, **switches: bool) -> UNet:
    return of_config(seed, replace(tiny().image, **switches))


def of_config(seed: int, config: UNetConfig) -> UNet:
    """A network without a parameter at zero, so that every path counts."""
    torch.manual_seed(seed)
    made = UNet(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape))
    return made


def conditions() -> Conditioning:
    corner = torch.rand(2, 1, 3, 2) * 0.6
    return Conditioning(
        boxes=BoxLayout(torch.cat([corner, corner + 0.3], -1), torch.randint(4, (2, 1, 3)), KNOWN),
        box_headings=BoxHeadings(torch.randn(2, 1, 3), KNOWN),
        box_colours=BoxColours(torch.randint(8, (2, 1, 3)), KNOWN),
        road=RoadLayout(torch.randint(256, (2, 1, 3, 128, 256), dtype=torch.uint8), KNOWN),
    )


@pytest.mark.parametrize("had", [{}, {"box_attributes": True}, {"road_raster": True}])
def test_a_network_with_new_conditions_predicts_what_the_old_one_did(had: dict[str, bool]) -> None:
    old, new = network(0, **had), network(1, box_attributes=True, road_raster=True)
    new.load_state_dict(with_conditions(old.state_dict(), asdict(old.config), new))
    x, tau, told = torch.randn(2, 1, 8, 8, 16), torch.tensor([10, 500]), conditions()
    with torch.no_grad():
        expected = old(x, tau, told)
        assert torch.allclose(new(x, tau, told), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_a_network_without_the_conditions_ignores_them() -> None:
    old = network(0)
    x, tau, told = torch.randn(2, 1, 8, 8, 16), torch.tensor([10, 500]), conditions()
    with torch.no_grad():
        assert torch.equal(old(x, tau, told), old(x, tau, told.drop("box_headings", "box_colours", "road")))


@pytest.mark.parametrize("kind", ["box_headings", "box_colours", "road"])
def test_a_network_with_the_conditions_sees_each_of_them(kind: str) -> None:
    new = network(1, box_attributes=True, road_raster=True)
    x, tau, told = torch.randn(2, 1, 8, 8, 16), torch.tensor([10, 500]), conditions()
    with torch.no_grad():
        assert not torch.allclose(new(x, tau, told), new(x, tau, told.drop(kind)))


def test_configurations_of_older_checkpoints_lack_the_switches_and_are_the_same_network() -> None:
    older = {
        name: value for name, value in asdict(tiny().image).items() if name not in ("box_attributes", "road_raster")
    }
    assert UNetConfig(**older) == tiny().image
    assert new_conditions(older, network(0)) == []
    assert new_conditions(older, network(0, road_raster=True)) == ["road_raster"]


def test_tensors_of_other_sizes_are_left_alone() -> None:
    old = network(0)
    tensors = {"stem.weight": old.stem.weight[:, 1:]}
    assert with_conditions(tensors, asdict(old.config), network(1, road_raster=True)) == tensors


def test_a_prediction_that_learns_of_the_noise_on_its_context_predicts_what_it_did() -> None:
    config = replace(tiny().image, temporal=tiny().prediction)
    told = replace(config, temporal=replace(config.temporal, context_noise=True))
    old, new = of_config(0, config), UNet(told).eval()
    new.load_state_dict(with_conditions(old.state_dict(), asdict(config), new))
    mask = torch.tensor([[True, True, False], [True, False, False]])
    context = ContextFrames(torch.randn(2, 3, 8, 8, 16), mask, torch.tensor([0.1, 0.6]))
    x, tau = torch.randn(2, 3, 8, 8, 16), torch.tensor([10, 500])
    with torch.no_grad():
        assert torch.equal(new(x, tau, Conditioning(context=context)), old(x, tau, Conditioning(context=context)))


def test_what_a_checkpoint_may_gain_is_no_difference() -> None:
    had = asdict(replace(tiny().image, temporal=tiny().prediction))
    wanted = asdict(
        replace(tiny().image, road_raster=True, temporal=replace(tiny().prediction, context_noise=True, head_dim=8))
    )
    grown = as_grown(had, wanted)
    assert grown["road_raster"]
    assert grown["temporal"] == {**wanted["temporal"], "head_dim": tiny().prediction.head_dim}
