"""What the upsampler is trained on, and what its predictions stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from drivesim.models.discriminators import PatchDiscriminator2d, PatchDiscriminator3d
from drivesim.models.presets import tiny
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.upsampler import UpsamplerStage


@pytest.fixture(scope="module")
def stages(logs: Path, tiny_checkpoints: Path) -> dict[str, UpsamplerStage]:
    roles = ("upsampler_image", "upsampler")
    requests = [StageRequest(role, tiny(), logs, tiny_checkpoints, batch_size=4) for role in roles]
    return {request.role: prepare(request, lambda *_: None) for request in requests}


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("role", ["upsampler_image", "upsampler"])
def test_a_perfect_prediction_stands_for_the_true_frames(
    stages: dict[str, UpsamplerStage], role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages[role]
    patches, _ = stage._patches(stage.train, 3, _generator())
    low_res = stage._low_res(patches, _generator(), decoded=True)
    residual = stage.network.residual(patches, low_res)
    monkeypatch.setattr(stage.network, "forward", lambda x, tau, conditioning: residual)
    made, error = stage._denoised(patches, low_res, _generator())
    assert torch.allclose(made, patches, atol=1e-5)
    assert error == 0
    assert stage.loss.distance(patches, made) < 1e-6


def test_patches_with_more_detail_are_drawn_more_often(stages: dict[str, UpsamplerStage]) -> None:
    stage, generator = stages["upsampler_image"], _generator()

    def detail(patches: torch.Tensor) -> float:
        return float(patches.diff(dim=-1).abs().mean())

    chosen = [detail(stage._detailed_patches(generator)[0]) for _ in range(12)]
    drawn = [detail(stage._patches(stage.train, 4, generator)[0]) for _ in range(12)]
    assert sum(chosen) > sum(drawn)


def test_clips_are_judged_as_video(stages: dict[str, UpsamplerStage]) -> None:
    assert isinstance(stages["upsampler_image"].discriminator, PatchDiscriminator2d)
    assert isinstance(stages["upsampler"].discriminator, PatchDiscriminator3d)
