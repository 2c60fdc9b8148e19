"""An upsampler is shown frames of the image model that rollouts would sample, if there is one for its latents."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drivesim.models.checkpoints import CheckpointSet, build, publish_checkpoint
from drivesim.models.presets import tiny
from drivesim.training.preparation.image_model import image_sampler
from drivesim.training.preparation.request import StageRequest


@pytest.fixture
def folder(tiny_checkpoints: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_checkpoints, tmp_path / "set")


def _sampler(folder: Path):
    autoencoder = build("autoencoder", tiny())
    return image_sampler(StageRequest("upsampler_image", tiny(), folder, folder), autoencoder)


def _weights(folder: Path, role: str) -> torch.Tensor:
    return CheckpointSet.open(folder).load(role).conv_out.weight


def test_the_student_is_sampled_where_it_belongs_to_the_image_model(folder: Path) -> None:
    teacher = _sampler(folder)
    assert teacher.num_steps is None
    assert torch.equal(teacher.network.conv_out.weight, _weights(folder, "image"))
    student = build("image_few_steps", tiny())
    with torch.no_grad():
        student.conv_out.weight += 0.125
    publish_checkpoint(folder, tiny(), "image_few_steps", student, CheckpointSet.open(folder).sha256["image"])
    sampler = _sampler(folder)
    assert sampler.num_steps == 4
    assert torch.equal(sampler.network.conv_out.weight, _weights(folder, "image_few_steps"))


def test_a_student_of_another_image_model_is_not_sampled(folder: Path) -> None:
    publish_checkpoint(folder, tiny(), "image_few_steps", build("image_few_steps", tiny()), 64 * "0")
    assert _sampler(folder).num_steps is None


def test_without_an_image_model_no_frames_are_sampled(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "image.safetensors").unlink()
    with caplog.at_level(logging.WARNING):
        assert _sampler(folder) is None
        assert _sampler(folder / "none") is None
    assert [record.getMessage() for record in caplog.records] == [
        f"upsampler_image: no image model in {place}, so that no frames are sampled to train on"
        for place in (folder, folder / "none")
    ]


def test_an_image_model_of_other_latents_is_not_sampled(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    size = tiny()
    wider = replace(size, autoencoder=replace(size.autoencoder, latent_channels=12))
    with caplog.at_level(logging.WARNING):
        request = StageRequest("upsampler_image", wider, folder, folder)
        assert image_sampler(request, build("autoencoder", wider)) is None
    assert "is for 8 latent channels and the autoencoder has 12" in caplog.text
