"""Figures of means and ratios, with the bootstrap interval of each."""

from __future__ import annotations

import numpy as np

from drivesim.evaluation.metrics.bootstrap import mean_interval, ratio_interval
from drivesim.evaluation.protocol import Figure, Protocol


def mean_figure(name: str, group: str, values: np.ndarray, protocol: Protocol) -> Figure:
    """Returns the mean of `n` values; without any, a figure that could not be measured."""
    if not len(values):
        return Figure(name, group, None, None, None, 0, protocol)
    return Figure(name, group, float(values.mean()), *mean_interval(values), len(values), protocol)


def ratio_figure(
    name: str, group: str, numerator: np.ndarray, denominator: np.ndarray, protocol: Protocol, count: int | None = None
) -> Figure:
    """Returns the ratio of two sums over the same `n` samples; if the second one is practically 0, it is unknown.

    Args:
        name: Name of the measure.
        group: What was measured.
        numerator: Numerator of each sample, such as the found boxes of a frame.
        denominator: Denominator of each sample, such as the requested boxes of a frame.
        protocol: How it was measured.
        count: What the figure is about, by default the sum of the denominators.
    """
    total = float(denominator.sum())
    if total <= 1e-9:
        return Figure(name, group, None, None, None, 0, protocol)
    value, interval = float(numerator.sum()) / total, ratio_interval(numerator, denominator)
    return Figure(name, group, value, *interval, int(total) if count is None else count, protocol)
