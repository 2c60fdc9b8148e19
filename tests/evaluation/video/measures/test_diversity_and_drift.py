"""Diversity lies between floor and ceiling, and the slope of a drift curve tells a flat one from a rising one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.video.measures.diversity import ONE_SCENE, ONE_SEED, OTHER_SCENES, diversity_figures
from drivesim.evaluation.video.measures.drift import drift_figures, slope_figure


class Means:
    """A network whose features are the mean colours."""

    name, sha256, resize = "means", "0" * 64, "none"

    def __call__(self, pictures):
        return pictures.mean((2, 3))


def test_futures_differ_more_than_one_seed_and_less_than_scenes(protocol: Protocol, pan, video_of) -> None:
    made = []
    for seed in range(3):
        first, other = pan(seed, 4), pan(10 + seed, 4)
        share = np.linspace(0, 0.3, 4)[:, None, None, None]
        second = np.round((1 - share) * first + share * other).astype(np.uint8)
        made += [video_of(frames, f"scene {seed}", future) for future, frames in enumerate((first, second))]
    found = {f.group: f for f in diversity_figures(made, made[:1], protocol, "cpu", lambda *_: None)}
    assert found[ONE_SEED].value == pytest.approx(0, abs=1e-6)
    assert 0 < found[ONE_SCENE].value < found[OTHER_SCENES].value
    assert found[f"{ONE_SCENE}, after 0.1 s"].value < found[f"{ONE_SCENE}, after 0.3 s"].value
    assert found[ONE_SCENE].count == found[OTHER_SCENES].count == 3


@pytest.mark.parametrize(("rise", "flat"), [(0.0, True), (1.0, False)])
def test_the_slope_tells_flat_from_rising(protocol: Protocol, rise: float, flat: bool) -> None:
    generator, window = np.random.default_rng(0), np.arange(40)
    curves = [level + rise * window / 10 + generator.normal(size=40) for level in (0, 100)]
    figure = slope_figure("brightness", curves, protocol)
    assert figure.value == pytest.approx(10 * rise, abs=2.5)
    assert (figure.low <= 0 <= figure.high) == flat


def test_a_video_that_fades_drifts_away(protocol: Protocol, pan, video_of) -> None:
    torch.manual_seed(0)
    steady = pan(0, 60, speed_px=1)
    fading = (steady * np.linspace(1, 0.2, 60)[:, None, None, None]).astype(np.uint8)
    reference = [video_of(pan(seed, 16)) for seed in range(1, 5)]
    measured = {}
    for name, frames in (("steady", steady), ("fading", fading)):
        figures = drift_figures([video_of(frames)], reference, Means(), 0.4, protocol, "cpu", lambda *_: None)
        measured[name] = {(figure.name, figure.group): figure.value for figure in figures}
    windows = [f"window {number}" for number in range(15)]
    dark = [measured["fading"]["brightness", window] for window in windows]
    assert dark == sorted(dark, reverse=True)
    distance = "kernel_distance_x1000"
    assert measured["fading"][distance, "window 14"] > 10 * abs(measured["steady"][distance, "window 14"])
    assert measured["fading"]["brightness", "slope from window 10 on"] < -100
    assert abs(measured["steady"]["brightness", "slope from window 10 on"]) < 100
