from __future__ import annotations

import numpy as np
import pytest

from drivesim.detection.adherence import FOUND, MISSING, WRONG_CATEGORY, adherence
from drivesim.detection.detections import Detections
from drivesim.scenario.schema.layout import SceneLayout

A, B, C = (0.1, 0.4, 0.3, 0.7), (0.4, 0.4, 0.6, 0.7), (0.7, 0.4, 0.9, 0.7)
BESIDE_A = (0.25, 0.4, 0.45, 0.7)
SPECK = (0.9, 0.1, 0.91, 0.12)


def layout(*rows: tuple[tuple[float, ...], int]) -> SceneLayout:
    return SceneLayout(
        np.array([box for box, _ in rows], np.float32).reshape(-1, 4), np.array([c for _, c in rows], np.int64)
    )


def found(*rows: tuple[tuple[float, ...], int]) -> Detections:
    boxes = layout(*rows)
    return Detections(boxes.xyxy, boxes.category, np.full(len(rows), 0.9, np.float32))


def test_each_requested_box_has_its_outcome() -> None:
    result = adherence(layout((A, 0), (B, 1), (C, 2)), found((B, 3), (A, 0)))
    assert result.outcome == (FOUND, WRONG_CATEGORY, MISSING)
    assert result.partner.tolist() == [1, 0, -1]
    assert not result.unasked.any()
    assert not result.perfect
    assert result.score == pytest.approx(1.5)


def test_a_vehicle_beside_its_box_is_misplaced_another_one_unasked() -> None:
    result = adherence(layout((A, 0)), found((BESIDE_A, 0), (C, 0)))
    assert result.outcome == (MISSING,)
    assert result.misplaced.tolist() == [True, False]
    assert result.unasked.tolist() == [False, True]


def test_what_is_too_small_to_be_asked_for_is_not_unasked() -> None:
    result = adherence(layout((A, 0)), found((A, 0), (SPECK, 0)))
    assert result.perfect


def test_an_empty_road_is_obeyed_by_an_empty_picture() -> None:
    assert adherence(layout(), found()).perfect
    assert adherence(layout(), found((A, 0))).score == -0.5
