"""What stages train on: packed shards without logs, what is left beside broken logs, latents that are finite."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import build, save_checkpoint, write_manifest
from drivesim.models.checkpoints.files import stage_tensors
from drivesim.models.presets import tiny
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.session import train_stage
from drivesim.training.preparation.footage import packed_footage
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare


def silent(*_: object) -> None:
    """No progress."""


def trained(data: Path, out: Path, *roles: str) -> None:
    """Trains stages for one step each."""
    for role in roles:
        request = StageRequest(role, tiny(), data, out, batch_size=2)
        list(train_stage(request, partial(prepare, request, silent), TrainingBudget(steps=1)))


def test_stages_train_on_packed_footage_without_its_logs(logs: Path, tmp_path: Path) -> None:
    data, moved = tmp_path / "data", tmp_path / "moved"
    shutil.copytree(logs, data, ignore=shutil.ignore_patterns(".packed"))
    roles = ("autoencoder", "vehicle_detector", "image")
    for role in roles:
        packed_footage(StageRequest(role, tiny(), data, tmp_path), silent)
    shutil.copytree(data / ".packed", moved / ".packed")
    trained(data, tmp_path / "with", *roles)
    trained(moved, tmp_path / "without", *roles)
    for role in roles:
        one, other = (stage_tensors(tmp_path / out / f"{role}.safetensors", role) for out in ("with", "without"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_broken_log_is_named_and_training_goes_on(
    logs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    shutil.copytree(logs, data, ignore=shutil.ignore_patterns(".packed"))
    broken = sorted((data / "clips").iterdir())[2]
    os.truncate(broken / "video.mp4", 500)
    trained(data, tmp_path / "out", "autoencoder")
    assert (tmp_path / "out" / "autoencoder.safetensors").is_file()
    assert [str(broken) in record.getMessage() for record in caplog.records] == [True]


def test_latents_that_are_not_finite_name_the_checkpoint(logs: Path, tmp_path: Path) -> None:
    autoencoder = build("autoencoder", tiny())
    autoencoder.latent_std.fill_(0)
    path = tmp_path / "autoencoder.safetensors"
    save_checkpoint(path, autoencoder, "autoencoder")
    write_manifest(tmp_path, tiny())
    with pytest.raises(CheckpointError, match="not finite") as refused:
        prepare(StageRequest("image", tiny(), logs, tmp_path), silent)
    assert str(refused.value).startswith(f"{path}: ")
