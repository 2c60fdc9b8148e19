from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.presets import Preset
from drivesim.models.temporal import TemporalConfig
from drivesim.models.upsampler import Upsampler, UpsamplerConfig, enlarge

TAU = torch.tensor([400])
SMALL = UpsamplerConfig(base_channels=8, multipliers=(1, 1))
CONFIGS = {
    "image": SMALL,
    "video": replace(SMALL, temporal=TemporalConfig(spatial_kernel=1)),
    "wide video": replace(SMALL, temporal=TemporalConfig(spatial_kernel=3)),
    "deep": replace(SMALL, unshuffle=4, multipliers=(1, 1, 1)),
    "flat": replace(SMALL, multipliers=(1,), blocks_per_level=2),
}


def prediction(upsampler: Upsampler, x: Tensor, low_res: Tensor) -> Tensor:
    return upsampler(x, TAU, Conditioning(low_res=LowResolution(low_res, TAU)))


def test_frames_is_the_inverse_of_residual() -> None:
    upsampler = Upsampler(SMALL)
    frames, low_res = torch.rand(1, 2, 3, 64, 96) * 2 - 1, torch.rand(1, 2, 3, 16, 24) * 2 - 1
    assert torch.allclose(upsampler.frames(upsampler.residual(frames, low_res), low_res), frames, atol=1e-5)
    assert torch.equal(upsampler.frames(torch.zeros_like(frames), low_res), enlarge(low_res, 4).clamp(-1, 1))


def test_the_residual_has_unit_scale() -> None:
    upsampler = Upsampler(replace(SMALL, residual_std=0.05))
    low_res = torch.zeros(1, 1, 3, 16, 16)
    frames = 0.05 * torch.randn(1, 1, 3, 64, 64)
    assert torch.isclose(upsampler.residual(frames, low_res).std(), torch.tensor(1.0), atol=0.05)


@torch.no_grad()
def test_the_prediction_has_the_shape_of_the_full_frames(randomise, preset: Preset) -> None:
    for role in ("upsampler_image", "upsampler"):
        upsampler = randomise(Upsampler(preset.config_of(role)))
        assert prediction(upsampler, torch.randn(1, 2, 3, 64, 96), torch.rand(1, 2, 3, 16, 24)).shape == (
            1,
            2,
            3,
            64,
            96,
        )


@torch.no_grad()
def test_the_input_passes_to_the_output_pixel_by_pixel() -> None:
    """Unshuffling and shuffling are each other's inverse: an open gate alone gives the input back."""
    upsampler = Upsampler(SMALL)
    upsampler.unet.noise_gate.bias.fill_(1.0)
    x = torch.randn(1, 2, 3, 64, 96)
    assert torch.allclose(prediction(upsampler, x, torch.rand(1, 2, 3, 16, 24)), x, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("name", list(CONFIGS))
def test_what_lies_far_away_is_not_felt(name: str, randomise) -> None:
    upsampler = randomise(Upsampler(CONFIGS[name]))
    far, width = 72, 160  # in low-resolution pixels
    x, low_res = torch.randn(1, 1, 3, 32, 4 * width), torch.randn(1, 1, 3, 8, width)
    other_x, other_low_res = x.clone(), low_res.clone()
    other_x[..., : 4 * 8] += 1
    other_low_res[..., :8] += 1
    expected, found = prediction(upsampler, x, low_res), prediction(upsampler, other_x, other_low_res)
    assert not torch.equal(found[..., : 4 * 16], expected[..., : 4 * 16])
    assert torch.equal(found[..., 4 * (8 + far) :], expected[..., 4 * (8 + far) :])


def test_an_unshuffle_that_is_no_multiple_of_the_factor_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        Upsampler(replace(SMALL, unshuffle=6))
