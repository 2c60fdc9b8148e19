from __future__ import annotations

import numpy as np
import pytest

from drivesim.distances import frechet_distance
from drivesim.evaluation.metrics.corruptions import blurred, flickering, ladder, noisy
from drivesim.evaluation.metrics.features import EfficientNetLite0, features_of


def _streets(count: int, seed: int) -> np.ndarray:
    """Crude pictures of a road with boxes on it: uint8 `n 64 256 3`."""
    rng = np.random.default_rng(seed)
    frames = np.zeros((count, 64, 256, 3), np.uint8)
    for frame in frames:
        frame[:24], frame[24:] = rng.integers(120, 220, 3), rng.integers(60, 100)
        frame[24:, 120:136:4] = 230
        for _ in range(6):
            x, y, side = rng.integers(0, 230), rng.integers(16, 44), rng.integers(6, 20)
            frame[y : y + side, x : x + 2 * side] = rng.integers(0, 255, 3)
    return frames


def test_the_distance_grows_along_the_ladder() -> None:
    network = EfficientNetLite0()
    reference, others = features_of(network, _streets(10, 0)), _streets(10, 1)
    by_name = {rung.name: rung.apply(others) for rung in ladder()}
    names = ("blur 0.5", "blur 1", "blur 2")
    distances = [frechet_distance(reference, features_of(network, by_name[name])) for name in names]
    real = frechet_distance(reference, features_of(network, others))
    assert real < distances[0] < distances[1] < distances[2]
    assert frechet_distance(reference, features_of(network, by_name["noise 0.05"])) > real


def test_corruptions_do_what_they_say() -> None:
    frames = np.full((20, 32, 64, 3), 128, np.uint8)
    assert np.array_equal(blurred(frames, 2.0), frames)
    assert (noisy(frames, 0.05).astype(float) - 128).std() == pytest.approx(0.05 * 255, rel=0.05)
    levels = flickering(frames, 0.1).mean((1, 2, 3))
    assert levels.std() == pytest.approx(12.8, rel=0.5)
    assert np.array_equal(noisy(frames, 0.05), noisy(frames, 0.05))
