from __future__ import annotations

import pytest
import torch

from drivesim.diffusion.noise import NoiseCorrelation
from drivesim.engine.seeds import LatentNoise, RunNoise, noise


def test_noise_is_a_function_of_its_key_alone() -> None:
    torch.manual_seed(1)
    first = noise((2, 3), 7, 0, "prediction", 4)
    torch.manual_seed(2)
    assert torch.equal(first, noise((2, 3), 7, 0, "prediction", 4))


@pytest.mark.parametrize("key", [(8, 0, "prediction", 4), (7, 1, "prediction", 4), (7, 0, "image", 4), (7, 0, 44)])
def test_any_part_of_the_key_changes_the_noise(key: tuple) -> None:
    assert not torch.equal(noise((2, 3), 7, 0, "prediction", 4), noise((2, 3), *key))


def test_keys_that_read_alike_when_joined_differ() -> None:
    assert not torch.equal(noise((4,), 1, 12), noise((4,), 11, 2))


def test_noise_is_standard_normal_float32() -> None:
    values = noise((200, 500), 0)
    assert values.dtype == torch.float32
    assert values.mean().abs() < 0.02
    assert (values.std() - 1).abs() < 0.02


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_noise_of_frames_has_its_correlation_and_unit_variance(correlation: float) -> None:
    values = RunNoise(0, 0).of_frames((100, 100), range(5, 8), correlation, "upsampler")
    measured = torch.corrcoef(values.flatten(1))
    assert (measured[0, 1] - correlation).abs() < 0.05
    assert (values.std() - 1).abs() < 0.05


def test_noise_of_a_frame_does_not_depend_on_the_others() -> None:
    noise_of = RunNoise(0, 0).of_frames
    assert torch.equal(noise_of((4, 4), range(3, 9), 0.5, "u")[2], noise_of((4, 4), range(5, 6), 0.5, "u")[0])


def test_what_futures_share_is_no_future_of_its_own() -> None:
    assert not torch.equal(RunNoise(0, None)((4,), "image"), RunNoise(0, 0)((4,), "image"))


@pytest.fixture
def latent_noise():
    """Makes the noise of the latents of a future of run 1."""
    start = RunNoise(1, None)((64, 32, 32), "image")
    return lambda future=0: LatentNoise(RunNoise(1, future), start, NoiseCorrelation(0.8, 0.9), factor=4)


def correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].item()


def test_noise_of_keyframes_is_a_chain_that_begins_with_the_composed_frame(latent_noise) -> None:
    noise = latent_noise()
    assert torch.equal(noise.keyframe(0), noise.start)
    for before, after in ((0, 1), (1, 2), (80, 81)):
        assert correlation(noise.keyframe(before), noise.keyframe(after)) == pytest.approx(0.8, abs=0.01)
        assert noise.keyframe(after).std().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(latent_noise().keyframe(81), noise.keyframe(81))
    assert not torch.equal(latent_noise(1).keyframe(1), noise.keyframe(1))


def test_frames_in_between_start_from_the_one_on_their_left(latent_noise) -> None:
    noise = latent_noise()
    assert torch.equal(noise.frame(8, 1), noise.keyframe(2))
    assert torch.equal(noise.frame(36, 2), noise.frame(9, 1))
    assert correlation(noise.frame(9, 1), noise.keyframe(2)) == pytest.approx(0.9, abs=0.01)
    assert correlation(noise.frame(38, 2), noise.frame(9, 1)) == pytest.approx(0.9, abs=0.01)
    assert noise.frame(38, 2).std().item() == pytest.approx(1, abs=0.02)
