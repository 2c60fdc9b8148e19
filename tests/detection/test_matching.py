from __future__ import annotations

import numpy as np
import pytest

from drivesim.detection.detections import Detections
from drivesim.detection.matching import match_boxes

A, B = (0.0, 0.0, 0.4, 0.4), (0.5, 0.0, 0.9, 0.4)


def test_boxes_find_their_partners_in_any_order() -> None:
    assert match_boxes(np.array([A, B]), np.array([B, A])).tolist() == [1, 0]


def test_a_box_is_nobodys_second_partner() -> None:
    assert sorted(match_boxes(np.array([A, A]), np.array([A])).tolist()) == [-1, 0]


def test_as_many_pairs_as_there_can_be() -> None:
    between = (0.06, 0.0, 0.46, 0.4)
    first, second = np.array([A, between]), np.array([between, (0.16, 0.0, 0.56, 0.4)])
    assert match_boxes(first, second).tolist() == [0, 1]


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0)])
def test_empty_sets_match_nothing(n: int, m: int) -> None:
    assert match_boxes(np.zeros((n, 4)), np.zeros((m, 4))).tolist() == [-1] * n


def test_too_little_overlap_is_no_match() -> None:
    assert match_boxes(np.array([A]), np.array([B])).tolist() == [-1]


def test_repeats_of_a_vehicle_are_removed_whatever_their_category() -> None:
    boxes = np.array([A, B, A], np.float32)
    detections = Detections(boxes, np.array([0, 1, 2]), np.array([0.5, 0.4, 0.9], np.float32)).without_repeats(0.6)
    assert detections.category.tolist() == [2, 1]
    assert detections.score.tolist() == pytest.approx([0.9, 0.4])
