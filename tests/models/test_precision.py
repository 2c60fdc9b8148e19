from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from drivesim.models.checkpoints import build
from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.precision import bfloat16_is_fast, compute_in_bfloat16
from drivesim.models.presets import Preset
from drivesim.models.unet import UNet, UNetConfig

TAU = torch.tensor([300, 600])


def relative_error(of: torch.Tensor, reference: torch.Tensor) -> float:
    return ((of - reference).square().mean() / reference.square().mean()).sqrt().item()


def test_a_video_model_takes_and_gives_float32(video_config: UNetConfig, conditioning: Conditioning, randomise) -> None:
    network, x = randomise(UNet(video_config)), torch.randn(2, 4, 8, 8, 16)
    with torch.no_grad():
        reference = network(x, TAU, conditioning)
        reduced = compute_in_bfloat16(network)(x, TAU, conditioning)
        bare = network(x, TAU)
    assert reduced.dtype == bare.dtype == torch.float32
    assert not torch.equal(reduced, reference)
    assert relative_error(reduced, reference) < 0.05
    assert all(parameter.dtype == torch.bfloat16 for parameter in network.parameters())
    assert conditioning.context.latents.dtype == torch.float32


def test_the_upsampler_computes_its_unet_alone_in_bfloat16(preset: Preset, randomise) -> None:
    network = randomise(build("upsampler", preset))
    x, low_res = torch.randn(1, 3, 3, 64, 64), torch.rand(1, 3, 3, 16, 16) * 2 - 1
    told = Conditioning(low_res=LowResolution(low_res, torch.tensor([30])))
    with torch.no_grad():
        reference = network(x, TAU[:1], told)
        reduced = compute_in_bfloat16(copy.deepcopy(network))(x, TAU[:1], told)
    assert reduced.dtype == torch.float32
    assert 0 < relative_error(reduced, reference) < 0.05


def test_latents_are_scaled_in_float32_before_they_are_decoded(preset: Preset, randomise) -> None:
    network: nn.Module = randomise(build("decoder", preset))
    network.latent_std.fill_(1.001)  # which bfloat16 would round to 1
    latents = torch.randn(1, 3, 8, 4, 8)
    with torch.no_grad():
        reference = network.decode(latents)
        reduced = compute_in_bfloat16(network).decode(latents)
    assert network.latent_std.dtype == reduced.dtype == torch.float32
    assert network.latent_std[0] == torch.tensor(1.001)
    assert 0 < relative_error(reduced, reference) < 0.05
    assert all(parameter.dtype == torch.float32 for parameter in network.encoder.parameters())


@pytest.mark.parametrize("has_instructions", [True, False])
def test_a_processor_is_fast_if_it_has_the_instructions(has_instructions: bool, monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_instructions)
    assert bfloat16_is_fast("cpu") is has_instructions
