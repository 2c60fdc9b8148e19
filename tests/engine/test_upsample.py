from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.seeds import RunNoise
from drivesim.engine.settings import SamplerSettings, UpsamplerSettings
from drivesim.engine.upsample import upsample, upsample_blocks
from drivesim.models.checkpoints import CheckpointSet

SETTINGS = UpsamplerSettings(SamplerSettings(2, "ddim"), block_frames=4)


@pytest.fixture(scope="module")
def stage(tiny_checkpoints: Path) -> DiffusionStage:
    checkpoints = CheckpointSet.open(tiny_checkpoints)
    return DiffusionStage(checkpoints.load("upsampler"), checkpoints.preset.denoiser("upsampler"))


def _noise_of(what: str, frames: range, shape: tuple[int, ...]) -> Tensor:
    return RunNoise(0, 0).of_frames(shape, frames, 0.5, what)


def _low_res(num_frames: int, height: int = 32, width: int = 64) -> Tensor:
    return RunNoise(0, 0)((num_frames, 3, height, width), "low").clamp(-1, 1)


@torch.inference_mode()
def test_blocks_that_see_far_enough_equal_all_frames_at_once(stage: DiffusionStage) -> None:
    low_res, one_step = _low_res(22, 8, 16), SamplerSettings(1, "ddim")
    settings = replace(SETTINGS, sampling=one_step, block_context=20)
    whole = upsample(stage, low_res, range(3, 25), settings, _noise_of)
    blocks = list(upsample_blocks(stage, low_res, 3, range(7, 18), settings, _noise_of))
    assert [len(block) for block in blocks] == [4, 4, 3]
    assert torch.allclose(torch.cat(blocks), whole[4:15], atol=1e-4)


@torch.inference_mode()
def test_the_noise_augmentation_is_used(stage: DiffusionStage) -> None:
    arguments = (stage, _low_res(1), range(1))
    little, much = (upsample(*arguments, replace(SETTINGS, low_res_tau=tau), _noise_of) for tau in (10, 300))
    assert not torch.allclose(little, much, atol=1e-2)
