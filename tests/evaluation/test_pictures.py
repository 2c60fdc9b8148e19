"""The Fréchet distance in multiples of that of a blur."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.distances import frechet_distance
from drivesim.evaluation.pictures import blurs_figure, distance_figures
from drivesim.evaluation.protocol import Protocol

RNG = np.random.default_rng(0)
KNOWN, OTHER = RNG.normal(size=(60, 6)), RNG.normal(size=(50, 6))


def test_blurred_frames_are_one_blur_away(protocol: Protocol) -> None:
    figure = blurs_figure("blur 1", KNOWN, OTHER + 2, OTHER + 2, protocol)
    assert [figure.value, figure.low, figure.high] == pytest.approx([1, 1, 1])


def test_the_figure_is_the_ratio_of_the_two_distances(protocol: Protocol) -> None:
    composed, blurred = OTHER + RNG.normal(scale=0.3, size=OTHER.shape) + 3, OTHER + 1.5
    figure = blurs_figure("composed", KNOWN, composed, blurred, protocol)
    alone = [next(distance_figures("any", KNOWN, features, protocol)).value for features in (composed, blurred)]
    assert figure.value == pytest.approx(alone[0] / alone[1])
    assert figure.value == pytest.approx(frechet_distance(KNOWN, composed) / frechet_distance(KNOWN, blurred))
    assert 2 < figure.low < figure.value < figure.high
    nearer = blurs_figure("composed", KNOWN, OTHER, blurred, protocol)
    assert nearer.high < 1
