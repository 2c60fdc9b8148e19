"""The distance of a student's samples: none to more of the same, and every statistic counts alike."""

from __future__ import annotations

import pytest
import torch

from drivesim.training.stages.student_distance import distance_of_statistics


def statistics(seed: int, shift: float = 0.0, scale: float = 1.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    large, small = (torch.randn(64, size, generator=generator) for size in (8, 4))
    return [scale * (large + shift), small]


def test_shifted_samples_are_far_and_others_of_the_same_kind_are_not() -> None:
    real = statistics(0)
    assert abs(distance_of_statistics(real, statistics(1))) < 0.1 * distance_of_statistics(
        real, statistics(1, shift=1.0)
    )


def test_the_unit_of_a_statistic_does_not_matter() -> None:
    plain = distance_of_statistics(statistics(0), statistics(1, shift=1.0))
    scaled = distance_of_statistics(statistics(0, scale=100.0), statistics(1, shift=1.0, scale=100.0))
    assert scaled == pytest.approx(plain, rel=1e-4)
