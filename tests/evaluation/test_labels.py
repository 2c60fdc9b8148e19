from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from drivesim.evaluation.labels import BrightnessRule, spearman


def test_rank_correlation_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, (2, 50))
    assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert spearman(first, first**3) == pytest.approx(1)
    assert np.isnan(spearman(first, np.ones(50)))


def test_brightness_tells_day_from_night() -> None:
    levels = np.array([200, 30, 180, 60, 190, 20])
    frames = np.tile(levels[:, None, None, None], (1, 4, 8, 3)).astype(np.uint8)
    time_of_day = np.array([0, 1, 0, 1, 0, 1])
    rule = BrightnessRule.fitted(frames, time_of_day)
    assert rule.threshold == pytest.approx(120)
    assert rule.time_of_day(frames).tolist() == time_of_day.tolist()


def test_one_odd_frame_does_not_move_the_rule_far() -> None:
    levels = np.array([200, 30, 180, 60, 190, 20, 25])
    frames = np.tile(levels[:, None, None, None], (1, 4, 8, 3)).astype(np.uint8)
    rule = BrightnessRule.fitted(frames, np.array([0, 1, 0, 1, 0, 1, 0]))
    assert 60 < rule.threshold < 180


def test_head_lamps_on_the_road_do_not_make_a_day() -> None:
    dusk, lit = np.full((6, 8, 3), 70, np.uint8), np.full((6, 8, 3), 20, np.uint8)
    dusk[2:], lit[2:] = 60, 200
    frames, time_of_day = np.stack([dusk, lit]), np.array([0, 1])
    assert frames[1].mean() > frames[0].mean()
    assert BrightnessRule.fitted(frames, time_of_day).time_of_day(frames).tolist() == [0, 1]
