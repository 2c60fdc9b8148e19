from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from drivesim.engine.future.interpolate import interpolate_gaps
from drivesim.engine.making import made
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.seeds import noise
from drivesim.engine.settings import SamplerSettings
from drivesim.models.checkpoints import CheckpointSet


@pytest.fixture(scope="module")
def stage(tiny_checkpoints: Path) -> DiffusionStage:
    checkpoints = CheckpointSet.open(tiny_checkpoints)
    return DiffusionStage(checkpoints.load("interpolation"), checkpoints.preset.denoiser("interpolation"))


@torch.inference_mode()
def _gaps(stage: DiffusionStage, keyframes: Tensor, first_gap: int, passes: int) -> Tensor:
    def noise_of(regime: int, gap: int, step: int) -> Tensor:
        return noise((5, *keyframes.shape[1:]), regime, gap, step)

    return made(interpolate_gaps(stage, keyframes, first_gap, 4, passes, SamplerSettings(3), noise_of))


@pytest.mark.parametrize("passes", [1, 2])
def test_each_gap_begins_with_its_keyframe(stage: DiffusionStage, passes: int) -> None:
    keyframes = noise((4, 8, 4, 8), 0)
    gaps = _gaps(stage, keyframes, 5, passes)
    assert gaps.shape == (3, 4**passes, 8, 4, 8)
    assert torch.equal(gaps[:, 0], keyframes[:-1])


def test_the_second_pass_keeps_what_the_first_made(stage: DiffusionStage) -> None:
    keyframes = noise((3, 8, 4, 8), 0)
    assert torch.equal(_gaps(stage, keyframes, 5, 2)[:, ::4], _gaps(stage, keyframes, 5, 1))


@pytest.mark.parametrize("passes", [1, 2])
def test_a_gap_depends_on_its_ends_and_its_place_alone(stage: DiffusionStage, passes: int) -> None:
    keyframes = noise((5, 8, 4, 8), 0)
    together, alone = _gaps(stage, keyframes, 5, passes), _gaps(stage, keyframes[2:4], 7, passes)
    assert torch.allclose(together[2:3], alone, atol=1e-4)
    elsewhere = _gaps(stage, keyframes[2:4], 8, passes)
    assert not torch.allclose(alone[:, 1:], elsewhere[:, 1:], atol=1e-2)


def test_both_ends_matter(stage: DiffusionStage) -> None:
    keyframes = noise((2, 8, 4, 8), 0)
    changed = torch.stack([keyframes[0], keyframes[1] + 1])
    assert not torch.allclose(_gaps(stage, keyframes, 0, 1)[:, 1:], _gaps(stage, changed, 0, 1)[:, 1:], atol=1e-3)
