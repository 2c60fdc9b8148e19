from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drivesim.geometry import boxes

edges = st.integers(0, 40)


@st.composite
def box_arrays(draw: st.DrawFn) -> np.ndarray:
    corners = draw(arrays(np.int64, (draw(st.integers(1, 5)), 2, 2), elements=edges)).astype(float)
    return np.concatenate([corners.min(1), corners.max(1) + 1], axis=-1)


@given(box_arrays(), box_arrays())
def test_iou_matrix_is_that_of_polygons(first: np.ndarray, second: np.ndarray) -> None:
    found = boxes.iou_matrix(first, second)
    assert found.shape == (len(first), len(second))
    for row, a in enumerate(shapely.box(*first.T)):
        for column, b in enumerate(shapely.box(*second.T)):
            np.testing.assert_allclose(found[row, column], a.intersection(b).area / a.union(b).area)


def test_boxes_in_fractions_become_pixels() -> None:
    assert boxes.to_pixels([[0.0, 0.25, 0.5, 1.0]], 1024, 512).tolist() == [[0, 128, 512, 512]]


def test_empty_boxes_overlap_nothing() -> None:
    empty = np.array([3.0, 3.0, 3.0, 3.0])
    assert boxes.iou(empty, empty) == 0
    assert boxes.iou_matrix(np.zeros((0, 4)), np.ones((2, 4))).shape == (0, 2)


def test_edges_out_of_order_have_no_area() -> None:
    assert boxes.area(np.array([5.0, 5.0, 2.0, 9.0])) == 0
