from __future__ import annotations

import pytest
import torch

from drivesim.engine.seeds import RunNoise, noise


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
