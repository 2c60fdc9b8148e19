from __future__ import annotations

import numpy as np
import pytest

from drivesim.evaluation.metrics.bootstrap import bootstrap_interval, mean_interval, ratio_interval


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        low, high = mean_interval(rng.exponential(size=60), resamples=200, seed=trial)
        covered += low <= 1.0 <= high
    assert 0.87 <= covered / 200 <= 0.99


def test_the_interval_is_that_of_the_standard_error() -> None:
    values = np.random.default_rng(1).normal(size=400)
    low, high = mean_interval(values, resamples=4000)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.08)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(20.0)
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_a_ratio_of_nothing_has_no_interval() -> None:
    assert ratio_interval(np.zeros(5), np.zeros(5)) == (None, None)
    low, high = ratio_interval(np.array([1.0, 2, 3]), np.array([1.0, 2, 3]))
    assert (low, high) == (1.0, 1.0)


def test_a_centred_interval_holds_a_statistic_that_repetition_biases() -> None:
    def distinct(weight: np.ndarray) -> float:
        return float((weight > 0).sum())

    assert bootstrap_interval(distinct, [50])[1] < 50
    low, high = bootstrap_interval(distinct, [50], centred=True)
    assert low < 50 < high
