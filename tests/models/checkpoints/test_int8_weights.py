from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from drivesim.engine import Engine
from drivesim.errors import CheckpointError, InputError
from drivesim.models.checkpoints import (
    CheckpointSet,
    build,
    load_checkpoint,
    publish_checkpoint,
    save_checkpoint,
    sha256_of,
)
from drivesim.models.checkpoints.conversion import with_int8
from drivesim.models.checkpoints.int8_weights import int8_weights, without_int8_weights
from drivesim.models.presets import Preset, tiny
from drivesim.scenario import Scenario

LARGE = "stem.weight"  # of an image network


@pytest.fixture
def network(preset: Preset, randomise) -> nn.Module:
    return randomise(build("image", preset))


@pytest.fixture
def path(tmp_path: Path, network: nn.Module) -> Path:
    path = tmp_path / "image.safetensors"
    save_checkpoint(path, network, "image", weights="int8")
    return path


def rewritten(path: Path, change: Callable[[dict[str, Tensor]], None], **metadata: str) -> None:
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        known = file.metadata()
    change(tensors)
    save_file(tensors, path, known | metadata)


def test_no_weight_moves_by_more_than_half_a_step_of_its_channel(path: Path, network: nn.Module) -> None:
    stored, loaded = load_file(path), load_checkpoint(path, "image").state_dict()
    quantised = [name for name, tensor in stored.items() if tensor.dtype == torch.int8]
    assert len(quantised) > 10
    for name, value in network.state_dict().items():
        assert loaded[name].dtype == torch.float32
        if name not in quantised:
            assert torch.equal(loaded[name], value.half().float()), name
            continue
        rows, found = value.flatten(1), loaded[name].flatten(1)
        step = rows.abs().amax(1) / 127
        assert torch.equal(stored[f"{name}/scale"], step)
        assert ((found - rows).abs() <= 0.5001 * step[:, None]).all(), name
        assert torch.allclose(found.abs().amax(1), rows.abs().amax(1))


def test_only_large_matrices_and_convolutions_are_quantised(path: Path, network: nn.Module) -> None:
    stored = load_file(path)
    for name, value in network.named_parameters():
        large = value.ndim >= 2 and value.numel() >= 4096
        assert stored[name].dtype == (torch.int8 if large else torch.float16), name
        assert (f"{name}/scale" in stored) == large


def test_the_file_is_smaller_and_the_same_each_time(path: Path, network: nn.Module, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "fp16.safetensors", network, "image")
    assert path.stat().st_size < 0.65 * (tmp_path / "fp16.safetensors").stat().st_size
    save_checkpoint(tmp_path / "again.safetensors", network, "image", weights="int8")
    assert sha256_of(tmp_path / "again.safetensors") == sha256_of(path)


def test_channels_of_zeros_stay_zeros() -> None:
    weight = torch.randn(64, 64)
    weight[3] = 0
    restored = without_int8_weights(int8_weights({"w": weight}))["w"]
    assert torch.equal(restored[3], torch.zeros(64))
    assert torch.allclose(restored, weight, atol=weight.abs().max().item() / 250)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.pop(f"{LARGE}/scale"), "is missing"),
        (lambda t: t.update({f"{LARGE}/scale": t[f"{LARGE}/scale"][:-1].clone()}), "not one float32 per row"),
        (lambda t: t.update({f"{LARGE}/scale": t[f"{LARGE}/scale"].half()}), "not one float32 per row"),
        (lambda t: t[f"{LARGE}/scale"][2:3].fill_(0), "not positive"),
        (lambda t: t[f"{LARGE}/scale"][2:3].fill_(-0.1), "not positive"),
        (lambda t: t[f"{LARGE}/scale"][2:3].fill_(float("nan")), "not finite"),
        (lambda t: t[LARGE].view(-1)[5:6].fill_(-128), "below -127"),
        (lambda t: t.update({"stem.bias/scale": torch.ones(16)}), "the scale of no int8 weight"),
        (lambda t: t.update({"nothing/scale": torch.ones(16)}), "the scale of no int8 weight"),
    ],
)
def test_damaged_scales_are_refused(damage: Callable, message: str, path: Path) -> None:
    rewritten(path, damage)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, "image")


def test_weights_in_an_unknown_form_are_refused(path: Path, network: nn.Module) -> None:
    rewritten(path, lambda tensors: None, weights="int4")
    with pytest.raises(CheckpointError, match="'int4', which needs a newer drivesim"):
        load_checkpoint(path, "image")
    with pytest.raises(ValueError, match="fp16 or int8"):
        save_checkpoint(path, network, "image", weights="int4")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_from_before_load_as_they_did(dtype: torch.dtype, tmp_path: Path, network) -> None:
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, network, "image")
    rewritten(path, lambda tensors: tensors.update({n: network.state_dict()[n].to(dtype) for n in list(tensors)}))
    for name, value in load_checkpoint(path, "image").state_dict().items():
        assert torch.equal(value, network.state_dict()[name].to(dtype).float()), name


@pytest.mark.parametrize("roles", [None, ["image"], ["upsampler"]])
def test_a_set_is_converted_whole_and_stands_on_its_new_bases(
    roles: list[str] | None, tiny_checkpoints_with_layouts: Path, tmp_path: Path
) -> None:
    source = CheckpointSet.open(tiny_checkpoints_with_layouts)
    made = with_int8(source, tmp_path / "int8", roles)
    made.verify_all()
    assert made.preset == source.preset
    assert made.roles == source.roles
    changed = {role for role in source.roles if made.sha256[role] != source.sha256[role]}
    expected = {None: set(source.roles) - {"layouts"}, "image": {"image", "prediction", "interpolation"}}
    assert changed == expected.get(roles and roles[0], {"upsampler"})
    for role in made.roles:
        before, after = (
            opened.load_layouts().tensors() if role == "layouts" else opened.load(role).state_dict()
            for opened in (source, made)
        )
        for name, value in after.items():
            assert torch.allclose(value, before[name], atol=before[name].abs().max().item() / 200), (role, name)


def test_a_converted_set_makes_video_and_can_be_trained_on(tiny_checkpoints: Path, tmp_path: Path) -> None:
    scenario = Scenario.model_validate({"format": 1, "name": "a", "duration_s": 1.0, "sampling": {"steps": 2}})
    made = with_int8(CheckpointSet.open(tiny_checkpoints), tmp_path / "int8")
    window = next(Engine.load(made.folder).rollout(scenario))
    assert window.frames.shape == (10, 128, 256, 3)
    prediction = made.load("prediction")
    with torch.no_grad():
        prediction.temporal_embedding.noise.mlp[0].bias += 1
    publish_checkpoint(made.folder, tiny(), "prediction", prediction)
    CheckpointSet.open(made.folder).load("prediction")


def test_conversion_refuses_unknown_stages_full_folders_and_damage(tiny_checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(tiny_checkpoints, folder)
    source = CheckpointSet.open(folder)
    with pytest.raises(InputError, match="got layouts"):
        with_int8(source, tmp_path / "new", ["layouts"])
    with pytest.raises(InputError, match="is not empty"):
        with_int8(source, folder)
    (folder / "image.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="differs from the manifest"):
        with_int8(source, tmp_path / "new")
    assert not (tmp_path / "new").exists()
