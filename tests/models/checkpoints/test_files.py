from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import (
    BASE_OF,
    ROLES,
    CheckpointSet,
    build,
    load_checkpoint,
    save_checkpoint,
    sha256_of,
    write_manifest,
)
from drivesim.models.presets import Preset
from drivesim.models.stages import TEACHER_OF
from drivesim.models.temporal import temporal_names
from drivesim.models.unet import UNet


@pytest.fixture
def folder(tmp_path: Path, preset: Preset, randomise) -> Path:
    """A whole set of randomised checkpoints with its manifest."""
    for role in ROLES:
        path = tmp_path / f"{role}.safetensors"
        base = sha256_of(tmp_path / f"{BASE_OF[role]}.safetensors") if role in BASE_OF else None
        save_checkpoint(path, randomise(build(role, preset)), role, base)
    write_manifest(tmp_path, preset)
    return tmp_path


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


def rewritten(path: Path, change: Callable[[dict[str, Tensor]], None], **metadata: str) -> Path:
    """The same file with other tensors or metadata."""
    tensors, old = load_file(path), metadata_of(path)
    change(tensors)
    save_file(tensors, path, old | metadata)
    return path


def nothing(tensors: dict[str, Tensor]) -> None:
    """Leaves the tensors as they are."""


@pytest.mark.parametrize("role", ["autoencoder", "image", "upsampler_image"])
def test_round_trip_in_half_precision(role: str, tmp_path: Path, preset: Preset, randomise) -> None:
    network, path = randomise(build(role, preset)), tmp_path / f"{role}.safetensors"
    save_checkpoint(path, network, role)
    saved, loaded = network.state_dict(), load_checkpoint(path, role)
    assert loaded.config == preset.config_of(role)
    assert not loaded.training
    assert all(tensor.dtype == torch.float16 for tensor in load_file(path).values())
    assert saved.keys() == loaded.state_dict().keys()
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, saved[name].half().float()), name


@pytest.mark.parametrize("role", sorted(set(BASE_OF) - set(TEACHER_OF)))
def test_a_temporal_stage_is_stored_alone_and_stands_on_its_base(
    role: str, folder: Path, preset: Preset, randomise
) -> None:
    temporal = temporal_names(randomise(build(role, preset)))
    stored = load_file(folder / f"{role}.safetensors")
    assert set(stored) == temporal
    loaded = CheckpointSet.open(folder).load(role)
    base = load_checkpoint(folder / f"{BASE_OF[role]}.safetensors", BASE_OF[role]).state_dict()
    assert loaded.config == preset.config_of(role)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, stored[name].float() if name in temporal else base[name]), name


def test_a_loaded_network_runs_and_can_be_trained(folder: Path) -> None:
    network = load_checkpoint(folder / "image.safetensors", "image")
    network(torch.randn(1, 1, 8, 8, 16), torch.tensor([3])).sum().backward()
    assert all(parameter.grad is not None for name, parameter in network.named_parameters() if "stem" in name)


def test_the_manifest_gives_the_preset_back(folder: Path, preset: Preset) -> None:
    opened = CheckpointSet.open(folder)
    assert opened.preset == preset
    assert set(opened.sha256) == set(ROLES)
    assert opened == write_manifest(folder, preset)
    assert not list(folder.glob("*.partial"))


def test_another_stage_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a checkpoint of stage autoencoder, got 'image'"):
        load_checkpoint(folder / "image.safetensors", "autoencoder")


def test_missing_extra_and_misshapen_tensors_are_named(folder: Path) -> None:
    path = folder / "image.safetensors"
    whole = path.read_bytes()
    rewritten(path, lambda tensors: tensors.pop("conv_out.bias"))
    with pytest.raises(CheckpointError, match=r"missing \['conv_out.bias'\]"):
        load_checkpoint(path, "image")
    path.write_bytes(whole)
    rewritten(path, lambda tensors: tensors.update({"stem.extra": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match=r"unexpected \['stem.extra'\]"):
        load_checkpoint(path, "image")
    path.write_bytes(whole)
    rewritten(path, lambda tensors: tensors.update({"conv_out.bias": torch.zeros(9)}))
    with pytest.raises(CheckpointError, match=r"conv_out\.bias"):
        load_checkpoint(path, "image")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float, folder: Path) -> None:
    path = rewritten(folder / "image.safetensors", lambda tensors: tensors["stem.weight"].view(-1)[7:8].fill_(value))
    with pytest.raises(CheckpointError, match=r"stem\.weight"):
        load_checkpoint(path, "image")


def test_weights_that_are_not_finite_in_half_precision_are_never_written(tmp_path: Path, preset: Preset) -> None:
    image = build("image", preset)
    with torch.no_grad():
        image.stem.bias[0] = 1e6
    with pytest.raises(CheckpointError, match=r"stem\.bias"):
        save_checkpoint(tmp_path / "image.safetensors", image, "image")
    assert list(tmp_path.iterdir()) == []


class Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("form", ["pickle", "torch", "torch legacy"])
def test_a_pickle_is_refused_and_not_executed(form: str, tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "image.safetensors"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Canary(canary)))
    else:
        torch.save(Canary(canary), path, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(path, "image")
    assert not canary.exists()


def test_missing_empty_and_cut_files_are_refused(folder: Path) -> None:
    path = folder / "image.safetensors"
    whole = path.read_bytes()
    for content in (b"", whole[:100], whole[:-1], whole + b"x"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="not a safetensors file"):
            load_checkpoint(path, "image")
    path.unlink()
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(path, "image")


@pytest.mark.parametrize("config", ["", "[]", "{", '{"in_channels": "many"}'])
def test_an_unreadable_configuration_is_refused(config: str, folder: Path) -> None:
    path = rewritten(folder / "image.safetensors", nothing, config=config)
    with pytest.raises(CheckpointError, match="configuration is not readable"):
        load_checkpoint(path, "image")


def test_a_configuration_that_asks_for_too_much_takes_no_memory(folder: Path) -> None:
    path = folder / "image.safetensors"
    config = json.loads(metadata_of(path)["config"])
    rewritten(path, nothing, config=json.dumps(config | {"base_channels": 2**20}))
    with pytest.raises(CheckpointError, match="size mismatch"):
        load_checkpoint(path, "image")
    for key, value in (("base_channels", -4), ("norm", "batch")):
        rewritten(path, nothing, config=json.dumps(config | {key: value}))
        with pytest.raises(CheckpointError):
            load_checkpoint(path, "image")


def test_another_base_is_refused(folder: Path, preset: Preset) -> None:
    path, image = folder / "prediction.safetensors", folder / "image.safetensors"
    save_checkpoint(image, UNet(preset.image), "image")
    with pytest.raises(CheckpointError, match=sha256_of(image)):
        load_checkpoint(path, "prediction", image)
    with pytest.raises(CheckpointError, match="needs the checkpoint of stage image"):
        load_checkpoint(path, "prediction")
    image.unlink()
    with pytest.raises(CheckpointError, match="no file"):
        load_checkpoint(path, "prediction", image)


def test_a_base_is_named_exactly_where_there_is_one(tmp_path: Path, preset: Preset) -> None:
    with pytest.raises(ValueError, match="needs base"):
        save_checkpoint(tmp_path / "prediction.safetensors", build("prediction", preset), "prediction")
    with pytest.raises(ValueError, match="has no base"):
        save_checkpoint(tmp_path / "image.safetensors", build("image", preset), "image", "0" * 64)


def test_a_file_that_the_manifest_does_not_know_is_refused(folder: Path, preset: Preset) -> None:
    opened = CheckpointSet.open(folder)
    save_checkpoint(folder / "image.safetensors", UNet(preset.image), "image")
    for role in ("image", "prediction"):
        with pytest.raises(CheckpointError, match=r"image\.safetensors: its sha256 differs"):
            opened.load(role)
    (folder / "decoder.safetensors").unlink()
    with pytest.raises(CheckpointError, match="drivesim train decoder"):
        opened.load("decoder")


@pytest.mark.parametrize("manifest", ["", "{", "[]", '"x"', "{}", '{"preset": 3, "sha256": {}}', "[" * 100_000])
def test_a_damaged_manifest_is_refused(manifest: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(CheckpointError, match="manifest"):
        CheckpointSet.open(folder)


def test_a_folder_without_checkpoints_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="no checkpoints here"):
            CheckpointSet.open(folder)


def test_an_interrupted_save_leaves_the_old_file(folder: Path, preset: Preset, monkeypatch) -> None:
    path = folder / "image.safetensors"
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, UNet(replace(preset.image, base_channels=32)), "image")
    assert path.read_bytes() == before
    load_checkpoint(path, "image")
