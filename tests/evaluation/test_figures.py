"""Means and ratios as figures: their values, their intervals, and what cannot be measured."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.evaluation.figures import mean_figure, ratio_figure
from drivesim.evaluation.protocol import Protocol

PROTOCOL = Protocol(
    measure="test",
    network=None,
    network_sha256=None,
    num_samples=4,
    num_frames=1,
    fps=None,
    height=8,
    width=16,
    resize="none",
    seeds="0",
    reference="none",
    settings="none",
)


def test_the_interval_of_a_mean_holds_it_and_narrows_with_more_values() -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, 400)
    few, many = (mean_figure("m", "g", part, PROTOCOL) for part in (values[:20], values))
    for figure, part in ((few, values[:20]), (many, values)):
        assert figure.value == pytest.approx(part.mean())
        assert figure.low < figure.value < figure.high
        assert figure.count == len(part)
    assert many.high - many.low < few.high - few.low


def test_a_ratio_is_of_the_sums_and_not_a_mean_of_ratios() -> None:
    figure = ratio_figure("r", "g", np.array([1.0, 0.0]), np.array([1.0, 9.0]), PROTOCOL)
    assert figure.value == pytest.approx(0.1)
    assert figure.count == 10
    assert ratio_figure("r", "g", np.array([1.0]), np.array([2.0]), PROTOCOL, count=7).count == 7


def test_what_there_is_none_of_cannot_be_measured() -> None:
    for figure in (
        mean_figure("m", "g", np.zeros(0), PROTOCOL),
        ratio_figure("r", "g", np.zeros(3), np.zeros(3), PROTOCOL),
        ratio_figure("r", "g", np.zeros(0), np.zeros(0), PROTOCOL),
    ):
        assert (figure.value, figure.low, figure.high, figure.count) == (None, None, None, 0)
