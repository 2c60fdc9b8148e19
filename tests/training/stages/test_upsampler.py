"""What the upsampler is trained on, and what its predictions stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from drivesim.models.conditioning import Conditioning
from drivesim.models.discriminators import PatchDiscriminator2d, PatchDiscriminator3d
from drivesim.models.presets import tiny
from drivesim.models.upsampler import Upsampler, UpsamplerConfig
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.upsampler import UpsamplerStage
from drivesim.training.stages.upsampling import Upsampling, shrunk, with_more_detail

FACTOR = 4


class KnowsTheAnswer(Upsampler):
    """Predicts the residual of patches that it is shown beforehand."""

    def __init__(self, config: UpsamplerConfig, patches: Tensor, low_res: Tensor) -> None:
        super().__init__(config)
        self.answer = self.residual(patches, low_res)

    def forward(self, x: Tensor, tau: Tensor, conditioning: Conditioning) -> Tensor:
        return self.answer


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("num_frames", [1, 3])
def test_a_perfect_prediction_stands_for_the_true_patches(num_frames: int) -> None:
    patches = torch.rand((2, num_frames, 3, 32, 32), generator=_generator()) * 2 - 1
    low_res = shrunk(patches, FACTOR)
    assert low_res.shape == (2, num_frames, 3, 8, 8)
    network = KnowsTheAnswer(tiny().upsampler, patches, low_res)
    upsampling = Upsampling(network, tiny().denoiser("upsampler"), max_low_res_tau=100, full_noise_share=0.5)
    made, error = upsampling.denoised(patches, low_res, _generator(1))
    assert torch.allclose(made, patches, atol=1e-5)
    assert error == 0
    assert torch.allclose(upsampling.sampled(low_res, _generator(2)), patches, atol=1e-5)


def test_of_two_patches_the_one_with_more_detail_is_chosen() -> None:
    flat, striped = torch.zeros(1, 1, 3, 8, 8), (torch.arange(8) % 2).float().expand(1, 1, 3, 8, 8)
    patches = torch.cat([flat, striped, striped, flat])
    chosen = with_more_detail(patches)
    assert chosen.tolist() == [2, 1]
    assert torch.equal(patches[chosen], torch.cat([striped, striped]))


@pytest.fixture(scope="module")
def stages(logs: Path, tiny_checkpoints: Path) -> dict[str, UpsamplerStage]:
    roles = ("upsampler_image", "upsampler")
    requests = [StageRequest(role, tiny(), logs, tiny_checkpoints, batch_size=4) for role in roles]
    return {request.role: prepare(request, lambda *_: None) for request in requests}


def test_clips_are_judged_as_video(stages: dict[str, UpsamplerStage]) -> None:
    assert isinstance(stages["upsampler_image"].discriminator, PatchDiscriminator2d)
    assert isinstance(stages["upsampler"].discriminator, PatchDiscriminator3d)


def test_a_finished_patch_is_measured_beside_a_bicubic_enlargement(stages: dict[str, UpsamplerStage]) -> None:
    figures = stages["upsampler_image"].held_out()
    assert figures["held_out_samples"] == 48
    for source in ("true", "reconstructed"):
        assert figures[f"held_out_perceptual_{source}"] > 0
        assert figures[f"held_out_perceptual_{source}_bicubic"] > 0
