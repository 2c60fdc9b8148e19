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


@given(box_arrays())
def test_normalized_boxes_return_to_pixels(some: np.ndarray) -> None:
    np.testing.assert_allclose(boxes.to_pixels(boxes.normalize(some, 1024, 512), 1024, 512), some)


@given(box_arrays())
def test_clipped_boxes_lie_within_and_never_grow(some: np.ndarray) -> None:
    clipped = boxes.clip(some, 20, 10)
    assert (clipped[:, [0, 2]] <= 20).all()
    assert (clipped[:, [1, 3]] <= 10).all()
    assert (boxes.area(clipped) <= boxes.area(some)).all()


def test_a_box_outside_keeps_no_area() -> None:
    assert boxes.area(boxes.clip(np.array([1.2, 0.1, 1.4, 0.2]))) == 0


def test_empty_boxes_overlap_nothing() -> None:
    empty = np.array([3.0, 3.0, 3.0, 3.0])
    assert boxes.iou(empty, empty) == 0
    assert boxes.iou_matrix(np.zeros((0, 4)), np.ones((2, 4))).shape == (0, 2)


def test_edges_out_of_order_have_no_area() -> None:
    assert boxes.area(np.array([5.0, 5.0, 2.0, 9.0])) == 0
