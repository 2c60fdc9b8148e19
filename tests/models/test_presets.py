from __future__ import annotations

import pytest
import torch
from torch import nn

from drivesim.models.checkpoints import BASE_OF, ROLES, build
from drivesim.models.presets import Preset, demo, paper, preset_named, tiny
from drivesim.models.temporal import temporal_names

PRESETS = pytest.mark.parametrize("preset", [tiny(), demo(), paper()], ids=lambda preset: preset.name)


def on_meta(role: str, preset: Preset) -> nn.Module:
    with torch.device("meta"):
        return build(role, preset)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_paper_preset_has_the_size_of_the_paper() -> None:
    for role in ("prediction", "interpolation"):
        assert 360e6 <= parameters(on_meta(role, paper())) <= 560e6
    assert parameters(on_meta("image", paper())) > 200e6
    assert parameters(on_meta("upsampler", paper())) > 100e6


def test_the_demo_set_fits_into_64_mib_on_disk() -> None:
    stored = 0
    for role in ROLES:
        network = on_meta(role, demo())
        temporal = temporal_names(network)
        tensors = network.state_dict().items()
        stored += sum(tensor.numel() for name, tensor in tensors if role not in BASE_OF or name in temporal)
    assert 2 * stored < 60 * 2**20


@PRESETS
def test_sizes_of_the_stages_fit_each_other(preset: Preset) -> None:
    video, autoencoder = preset.video, preset.autoencoder
    assert autoencoder.latent_channels == preset.image.in_channels
    cells = autoencoder.factor * 2 ** (len(preset.image.multipliers) - 1)
    assert video.low_height % cells == 0
    assert video.low_width % cells == 0
    assert preset.upsampler.unshuffle % preset.upsampler.factor == 0
    upsampled = preset.upsampler.unshuffle * 2 ** (len(preset.upsampler.multipliers) - 1)
    assert video.low_height * preset.upsampler.factor % upsampled == 0
    assert video.low_width * preset.upsampler.factor % upsampled == 0
    assert preset.upsampler_temporal.context_channels == 0
    assert 0 < video.context_frames < video.keyframes_per_window
    assert video.gaps_per_window == video.keyframes_per_window - video.context_frames


@PRESETS
def test_a_video_stage_is_its_image_stage_and_temporal_layers(preset: Preset) -> None:
    for role, base in BASE_OF.items():
        network = on_meta(role, preset)
        temporal = temporal_names(network)
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        base_shapes = {name: tensor.shape for name, tensor in on_meta(base, preset).state_dict().items()}
        assert {name: shape for name, shape in shapes.items() if name not in temporal} == base_shapes


def test_names_lead_to_presets_and_others_are_refused() -> None:
    assert [preset_named(name).name for name in ("tiny", "demo", "paper")] == ["tiny", "demo", "paper"]
    with pytest.raises(ValueError, match="huge"):
        preset_named("huge")
    with pytest.raises(ValueError, match="'decode'"):
        tiny().config_of("decode")
