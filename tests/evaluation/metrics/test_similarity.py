from __future__ import annotations

import numpy as np
import pytest

from drivesim.evaluation.metrics.similarity import psnr_db, ssim

RNG = np.random.default_rng(0)


def test_psnr_of_a_known_error() -> None:
    frames = np.full((2, 16, 16, 3), 100, np.uint8)
    assert psnr_db(frames, frames + 10) == pytest.approx(20 * np.log10(25.5))
    assert psnr_db(frames, frames).tolist() == pytest.approx([100, 100])


def test_ssim_of_one_window_is_the_formula() -> None:
    first = RNG.integers(0, 255, (1, 11, 11, 3)).astype(np.uint8)
    second = np.clip(first + RNG.normal(scale=20, size=first.shape), 0, 255).astype(np.uint8)
    bell = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weight = np.outer(bell, bell)[..., None] / bell.sum() ** 2
    a, b = first[0].astype(float), second[0].astype(float)
    mean_a, mean_b = ((weight * x).sum((0, 1)) for x in (a, b))
    variance = (weight * (a - mean_a) ** 2).sum((0, 1)) + (weight * (b - mean_b) ** 2).sum((0, 1))
    covariance = (weight * (a - mean_a) * (b - mean_b)).sum((0, 1))
    expected = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
    expected *= (2 * covariance + 7.65**2) / (variance + 7.65**2)
    assert ssim(first, second) == pytest.approx(expected.mean())


def test_ssim_falls_from_one_as_noise_grows() -> None:
    frames = RNG.integers(60, 190, (3, 40, 60, 3)).astype(np.uint8)
    noise = RNG.normal(size=frames.shape)
    values = [ssim(frames, np.clip(frames + scale * noise, 0, 255).astype(np.uint8)).mean() for scale in (0, 10, 40)]
    assert values[0] == pytest.approx(1)
    assert values == sorted(values, reverse=True)
