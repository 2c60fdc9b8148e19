from __future__ import annotations

import numpy as np
import pytest

from drivesim.scenario.previews.drawing import CATEGORY_COLOURS, WHITE, draw_box, draw_boxes, draw_layout
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.vocabulary import CATEGORIES

EDGES = (400, 260, 520, 340)
XYXY = np.array([EDGES], np.float32) / (1024, 512, 1024, 512)


def black() -> np.ndarray:
    return np.zeros((512, 1024, 3), np.uint8)


def test_every_category_has_a_colour_of_its_own() -> None:
    assert list(CATEGORY_COLOURS) == list(CATEGORIES)
    assert len(set(CATEGORY_COLOURS.values())) == len(CATEGORIES)


def test_a_layout_is_drawn_along_the_edges_of_its_boxes() -> None:
    picture = black()
    draw_layout(picture, SceneLayout(XYXY.astype(np.float32), np.array([2])), labelled=True)
    changed = picture.any(2)
    assert changed[260:340, 400].all()
    assert changed[339, 400:520].all()
    assert not changed[265:335, 405:515].any()
    assert not changed[345:].any()
    assert picture[300, 400].tolist() == list(CATEGORY_COLOURS["truck"])


def test_the_far_edges_are_exclusive() -> None:
    picture = black()
    draw_boxes(picture, XYXY, WHITE)
    rows, columns = np.flatnonzero(picture.any((1, 2))), np.flatnonzero(picture.any((0, 2)))
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == EDGES


@pytest.mark.parametrize("far", [2e3, 1e6, 1e12])
def test_a_box_may_reach_far_beyond_the_picture(far: float) -> None:
    picture = black()
    draw_box(picture, (-far, 100, far, 200), WHITE, 1)
    assert np.flatnonzero(picture.any((1, 2))).tolist() == [100, 199]
