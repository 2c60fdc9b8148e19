"""A network grown by latent channels does with the old ones what it did, and nothing with the new ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from drivesim.models.autoencoder import Autoencoder, AutoencoderConfig
from drivesim.models.checkpoints.growth import with_latent_channels
from drivesim.models.conditioning import Conditioning, ContextFrames
from drivesim.models.latent_channels import latent_axes
from drivesim.models.networks import build
from drivesim.models.presets import tiny
from drivesim.models.unet import UNet, UNetConfig

OLD, NEW = 8, 11


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """No parameter at zero, so that every path counts."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape))
    return module.eval()


def grown(old: torch.nn.Module, new: torch.nn.Module) -> torch.nn.Module:
    new.load_state_dict(with_latent_channels(old.state_dict(), new, OLD, NEW))
    return new.eval()


@pytest.mark.parametrize("role", ["image", "prediction", "interpolation"])
def test_a_grown_unet_denoises_the_old_channels_as_before(role: str) -> None:
    torch.manual_seed(0)
    config = tiny().config_of(role)
    assert isinstance(config, UNetConfig)
    old = randomised(UNet(config))
    new = grown(old, UNet(replace(config, in_channels=NEW)))
    x, known, tau = torch.randn(2, 3, NEW, 4, 8), torch.randn(2, 3, NEW, 4, 8), torch.tensor([10, 500])
    mask = torch.tensor([[True, False, False], [True, False, True]])
    has_context = config.temporal is not None
    conditions = [
        Conditioning(context=ContextFrames(known[:, :, :c], mask) if has_context else None) for c in (OLD, NEW)
    ]
    with torch.no_grad():
        before, after = old(x[:, :, :OLD], tau, conditions[0]), new(x, tau, conditions[1])
    assert torch.allclose(after[:, :, :OLD], before, rtol=1e-4, atol=1e-4 * float(before.abs().max()))
    assert not after[:, :, OLD:].any()


def test_a_grown_autoencoder_keeps_the_old_latents_and_pictures() -> None:
    torch.manual_seed(0)
    config = AutoencoderConfig(latent_channels=OLD, base_channels=16)
    old = randomised(Autoencoder(config))
    new = grown(old, Autoencoder(replace(config, latent_channels=NEW)))
    pictures = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        assert torch.equal(new.encode(pictures)[:, :, :OLD], old.encode(pictures))
        assert torch.equal(new.decode(new.encode(pictures)), old.decode(old.encode(pictures)))


def test_new_linear_channels_carry_what_the_old_ones_lose() -> None:
    """Blocks that are combinations of four patterns: two channels keep two of them, four keep all."""
    generator = torch.Generator().manual_seed(0)
    config = AutoencoderConfig(latent_channels=2, unshuffle=2, base_channels=16, encoder_blocks=1, decoder_blocks=1)
    patterns = torch.randn(4, 3 * config.factor**2, generator=generator)
    strength = torch.tensor([1.0, 0.8, 0.3, 0.2])
    mixed = (torch.randn(8, 8, 8, 4, generator=generator) * strength) @ patterns
    pictures = torch.nn.functional.pixel_shuffle(mixed.movedim(-1, 1), config.factor)
    two, four = Autoencoder(config), Autoencoder(replace(config, latent_channels=4))
    two.initialise_linear(pictures)
    four.load_state_dict(with_latent_channels(two.state_dict(), four, 2, 4))
    four.add_linear_channels(pictures, 2)

    def error(autoencoder: Autoencoder) -> float:
        with torch.no_grad():
            made = autoencoder.decoder(autoencoder.encoder(pictures).mean[:, None])[:, 0]
        return float((made - pictures).square().mean())

    assert error(two) > 100 * error(four)
    with torch.no_grad():
        new = four.encoder(pictures).mean[:, 2:]
    assert torch.allclose(new.std((0, 2, 3)), torch.ones(2), atol=0.05)


def test_tensors_that_growth_does_not_explain_are_left_alone() -> None:
    network = UNet(replace(tiny().image, in_channels=NEW))
    shape = network.stem.weight.shape
    tensors = {"stem.weight": torch.zeros(shape[0], shape[1] - 1, 3, 3), "other": torch.zeros(3)}
    left = with_latent_channels(tensors, network, OLD, NEW)
    assert all(torch.equal(left[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("role", ["autoencoder", "decoder", "image", "prediction", "interpolation"])
def test_networks_name_every_parameter_that_depends_on_the_latent_channels(role: str) -> None:
    def shapes(channels: int) -> dict[str, torch.Size]:
        size = tiny()
        autoencoder = replace(size.autoencoder, latent_channels=channels)
        preset = replace(size, autoencoder=autoencoder, image=replace(size.image, in_channels=channels))
        return {name: tensor.shape for name, tensor in build(role, preset).state_dict().items()}

    few, many = shapes(OLD), shapes(NEW)
    assert set(latent_axes(build(role, tiny()))) == {name for name in few if few[name] != many[name]}
