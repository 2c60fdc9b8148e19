from __future__ import annotations

import numpy as np
import pytest

from drivesim.detection.detections import Detections
from drivesim.detection.scores import Truth, Verdicts, judge

LEFT, MIDDLE, RIGHT = (0.0, 0.0, 0.2, 0.4), (0.4, 0.0, 0.6, 0.4), (0.8, 0.0, 1.0, 0.4)
NOWHERE = (0.0, 0.6, 0.2, 1.0)


def truth(*boxes: tuple[float, ...], counts: tuple[bool, ...] | None = None) -> Truth:
    kept = np.array(counts if counts is not None else [True] * len(boxes), bool)
    return Truth(np.array(boxes, np.float32).reshape(-1, 4), np.zeros(len(boxes), int), kept)


def found(*rows: tuple[tuple[float, ...], float], category: int = 0) -> Detections:
    boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Detections(boxes, np.full(len(rows), category), np.array([score for _, score in rows], np.float32))


def test_average_precision_equals_the_sum_by_hand() -> None:
    # By falling score: hit, miss, hit, miss, hit of four vehicles. Precisions at the hits are 1, 2/3, 3/5.
    truths = [truth(LEFT, MIDDLE), truth(LEFT, RIGHT)]
    detections = [found((LEFT, 0.9), (NOWHERE, 0.8), (MIDDLE, 0.7)), found((NOWHERE, 0.6), (LEFT, 0.5))]
    verdicts = judge(truths, detections)
    assert verdicts.average_precision() == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
    assert verdicts.recall(0.65) == pytest.approx(2 / 4)
    assert verdicts.precision(0.65) == pytest.approx(2 / 3)
    assert verdicts.false_per_frame(0.0) == pytest.approx(1.0)


def test_precision_is_made_monotone() -> None:
    verdicts = Verdicts(
        np.array([0.9, 0.8]), np.array([False, True]), np.array([False, True]), np.array([0, 0]), np.array([1.0])
    )
    assert verdicts.average_precision() == pytest.approx(0.5)
    perfect = Verdicts(np.array([0.9]), np.array([True]), np.array([True]), np.array([0]), np.array([1.0]))
    assert perfect.average_precision() == pytest.approx(1.0)


def test_a_second_detection_of_a_vehicle_is_a_miss() -> None:
    verdicts = judge([truth(LEFT)], [found((LEFT, 0.9), (LEFT, 0.8))])
    assert verdicts.hit.tolist() == [True, False]


def test_a_vehicle_that_does_not_count_neither_helps_nor_hurts() -> None:
    verdicts = judge([truth(LEFT, RIGHT, counts=(True, False))], [found((RIGHT, 0.9), (LEFT, 0.8))])
    assert verdicts.hit.tolist() == [True]
    assert verdicts.num_vehicles.tolist() == [1]


def test_sizes_judge_only_vehicles_of_that_size() -> None:
    small, large = (0.0, 0.0, 0.05, 0.05), (0.4, 0.0, 0.8, 0.4)
    truths, detections = [truth(small, large)], [found((small, 0.9), (large, 0.8), (NOWHERE, 0.7))]
    only_large = judge(truths, detections, sides=(0.3, np.inf))
    assert only_large.num_vehicles.tolist() == [1]
    assert only_large.hit.tolist() == [True]
    assert only_large.score.tolist() == pytest.approx([0.8])


def test_weights_of_frames_are_repetitions() -> None:
    truths = [truth(LEFT, MIDDLE), truth(LEFT, RIGHT), truth(RIGHT)]
    detections = [found((LEFT, 0.9), (NOWHERE, 0.8)), found((LEFT, 0.5)), found((NOWHERE, 0.7))]
    verdicts = judge(truths, detections)
    repeated = judge([*truths, truths[0]], [*detections, detections[0]])
    weight = np.array([2.0, 1.0, 1.0])
    assert verdicts.recall(0.4, weight) == pytest.approx(repeated.recall(0.4))
    assert verdicts.precision(0.4, weight) == pytest.approx(repeated.precision(0.4))
    assert verdicts.false_per_frame(0.4, weight) == pytest.approx(repeated.false_per_frame(0.4))


def test_the_category_is_told_apart_from_the_place() -> None:
    verdicts = judge([truth(LEFT)], [found((LEFT, 0.9), category=2)])
    assert verdicts.recall(0.5) == 1
    assert verdicts.category_accuracy(0.5) == 0


def test_the_best_threshold_separates_hits_from_misses() -> None:
    verdicts = judge([truth(LEFT, RIGHT)], [found((LEFT, 0.9), (RIGHT, 0.6), (NOWHERE, 0.4))])
    assert 0.4 < verdicts.best_threshold() <= 0.6 + 1e-6


def test_nothing_to_find_gives_no_figure() -> None:
    verdicts = judge([truth()], [found()])
    assert np.isnan(verdicts.average_precision())
    assert np.isnan(verdicts.recall(0.5))
