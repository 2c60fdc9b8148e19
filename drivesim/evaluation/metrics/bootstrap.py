"""Bootstrap intervals: how far a figure would move with other samples of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

CONFIDENCE = 0.95

Statistic = Callable[..., float]
"""Takes one vector of weights per set of samples: how often each sample was drawn."""


def bootstrap_interval(
    statistic: Statistic, sizes: Sequence[int], resamples: int = 1000, seed: int = 0, centred: bool = False
) -> tuple[float | None, float | None]:
    """Returns the 95 % percentile interval of a statistic of one or more sets of samples.

    Args:
        statistic: The statistic.
        sizes: Number of samples in each set.
        resamples: How often the sets are drawn again, with replacement.
        seed: Seed of the draws.
        centred: Whether the interval is shifted so that its mean is the statistic itself, for statistics that repeated
            samples bias, such as the Fréchet distance.

    Returns:
        The lower and the upper end; (None, None) if the statistic is not defined for any draw.
    """
    generator = np.random.default_rng(seed)
    draws = [
        statistic(*(np.bincount(generator.integers(n, size=n), minlength=n).astype(float) for n in sizes))
        for _ in range(resamples)
    ]
    values = np.array([value for value in draws if np.isfinite(value)])
    if not len(values):
        return None, None
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    if centred:
        shift = statistic(*(np.ones(n) for n in sizes)) - values.mean()
        low, high = low + shift, high + shift
    return float(low), float(high)


def mean_interval(values: np.ndarray, resamples: int = 1000, seed: int = 0) -> tuple[float | None, float | None]:
    """Returns the interval of the mean of `n` values."""
    return bootstrap_interval(lambda weight: float(weight @ values / weight.sum()), [len(values)], resamples, seed)


def ratio_interval(
    numerator: np.ndarray, denominator: np.ndarray, resamples: int = 1000, seed: int = 0
) -> tuple[float | None, float | None]:
    """Returns the interval of the ratio of two sums over the same `n` samples, such as found and requested boxes."""

    def ratio(weight: np.ndarray) -> float:
        total = float(weight @ denominator)
        return float(weight @ numerator) / total if total else float("nan")

    return bootstrap_interval(ratio, [len(numerator)], resamples, seed)
