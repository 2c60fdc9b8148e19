"""Swept weights of guidance are those that the image model is sampled by, whatever else the checkpoints hold."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.engine import Engine, guided_settings, sampled_students
from drivesim.models.checkpoints import CheckpointSet, build, save_checkpoint, write_manifest
from drivesim.models.conditioning import BoxLayout, Conditioning
from drivesim.models.presets import tiny
from drivesim.models.stages import GUIDE

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def crowded_set(tiny_checkpoints: Path, tmp_path: Path) -> Path:
    """Tiny checkpoints with a student of the image model and with a guide."""
    torch.manual_seed(0)
    folder = shutil.copytree(tiny_checkpoints, tmp_path / "tiny")
    digest = CheckpointSet.open(folder).sha256["image"]
    student = build("image_few_steps", tiny())
    save_checkpoint(folder / "image_few_steps.safetensors", student, "image_few_steps", teacher_sha256=digest)
    save_checkpoint(folder / f"{GUIDE}.safetensors", build(GUIDE, tiny()), GUIDE)
    write_manifest(folder, tiny())
    return folder


def test_every_pair_of_weights_is_heeded_in_a_set_with_a_student_and_a_guide(
    crowded_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "guidance", raising=False)
    from guidance import points

    torch.set_num_threads(1)
    checkpoints, frames = CheckpointSet.open(crowded_set), []
    assert checkpoints.student_of("image") is not None
    engine = Engine(checkpoints)
    boxes = BoxLayout(torch.tensor([[[[0.3, 0.4, 0.6, 0.7]]]]), torch.tensor([[[1]]]), torch.tensor([True]))
    for weight, scale, settings in points([1.0, 8.0], [1.0, 3.0], 0.0):
        assert "image" not in sampled_students(settings, checkpoints)
        heeded = guided_settings(settings, checkpoints)
        assert heeded.image_guidance == weight
        assert (1.0 if heeded.autoguidance is None else heeded.autoguidance.scale) == scale
        frames.append(engine.compose_many(Conditioning(boxes=boxes), [0], settings, False, [0]))
    assert len({np.asarray(frame).tobytes() for frame in frames}) == 4
