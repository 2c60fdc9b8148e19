from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from drivesim.distances import KernelDistance, frechet_distance

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "m", "d"), [(40, 40, 8), (6, 9, 30), (50, 7, 20)])
def test_the_frechet_distance_is_the_closed_form_of_two_gaussians(n: int, m: int, d: int) -> None:
    first, second = RNG.normal(size=(n, d)), 0.5 + 2 * RNG.normal(size=(m, d))
    one, two = np.cov(first.T), np.cov(second.T)
    expected = np.square(first.mean(0) - second.mean(0)).sum()
    expected += np.trace(one + two) - 2 * np.trace(sqrtm(one @ two)).real
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-4)


def test_a_set_has_no_frechet_distance_to_itself() -> None:
    features = RNG.normal(size=(30, 50))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-8)


def test_many_samples_of_known_gaussians_come_near_the_exact_distance() -> None:
    first = RNG.normal(size=(20_000, 3)) * [1, 2, 3]
    second = RNG.normal(size=(20_000, 3)) * [2, 2, 1] + [1, 0, 0]
    assert frechet_distance(first, second) == pytest.approx(1 + 1 + 0 + 4, rel=0.05)


def test_weights_count_as_repetitions() -> None:
    first, second = RNG.normal(size=(12, 5)), RNG.normal(size=(10, 5))
    weight = np.array([0, 1, 2, 3, 1, 1, 0, 1, 1, 0, 1, 1.0])
    repeated = np.repeat(first, weight.astype(int), axis=0)
    assert frechet_distance(first, second, weight) == pytest.approx(frechet_distance(repeated, second))


def test_the_kernel_distance_is_the_mean_over_pairs() -> None:
    first, second = RNG.normal(size=(5, 4)), RNG.normal(size=(6, 4))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 4 + 1) ** 3)

    within = np.mean([kernel(first[i], first[j]) for i in range(5) for j in range(5) if i != j])
    within += np.mean([kernel(second[i], second[j]) for i in range(6) for j in range(6) if i != j])
    between = np.mean([kernel(x, y) for x in first for y in second])
    assert KernelDistance(first, second)() == pytest.approx(within - 2 * between)


def test_the_kernel_distance_is_unbiased() -> None:
    values = [KernelDistance(*RNG.normal(size=(2, 20, 4)))() for _ in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(300)


def test_both_distances_grow_with_a_shift() -> None:
    first, second = RNG.normal(size=(2, 60, 6))
    frechet = [frechet_distance(first, second + shift) for shift in (0.0, 0.5, 1.0, 2.0)]
    kernel = [KernelDistance(first, second + shift)() for shift in (0.0, 0.5, 1.0, 2.0)]
    assert frechet == sorted(frechet)
    assert kernel == sorted(kernel)
