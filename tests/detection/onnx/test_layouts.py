"""Every layout says the same of the same boxes, and refuses what it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.detection.onnx.layouts import read_outputs, shapes_of
from drivesim.errors import InputError

NUM_CLASSES, NUM_ROWS = 5, 60


def outputs_in(layout: str, xyxy: np.ndarray, score: np.ndarray, class_index: np.ndarray) -> list[np.ndarray]:
    """Boxes `n 4`, scores and classes `n` as a detector of a layout gives them, empty rows added."""
    n = len(score)
    cxcywh = np.concatenate([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], 1)
    scores = np.zeros((n, NUM_CLASSES))
    scores[np.arange(n), class_index] = score
    empty = np.zeros((NUM_ROWS - n, 5 + NUM_CLASSES))
    if layout == "yolov5":
        objectness = np.sqrt(score)[:, None]
        rows = np.concatenate([cxcywh, objectness, scores / np.maximum(objectness, 1e-12)], 1)
        return [np.concatenate([rows, empty])[None].astype(np.float32)]
    if layout == "yolov8":
        return [np.concatenate([np.concatenate([cxcywh, scores], 1), empty[:, 1:]]).T[None].astype(np.float32)]
    if layout == "yolov10":
        rows = np.concatenate([xyxy, score[:, None], class_index[:, None]], 1)
        return [np.concatenate([rows, empty[:, :6]])[None].astype(np.float32)]
    if layout == "yolov7_nms":
        rows = np.concatenate([np.zeros((n, 1)), xyxy, class_index[:, None], score[:, None]], 1)
        return [rows.astype(np.float32)]
    boxes, classes, full = np.zeros((1, NUM_ROWS, 4)), np.full((1, NUM_ROWS), -1), np.zeros((1, NUM_ROWS))
    boxes[0, :n], classes[0, :n], full[0, :n] = xyxy, class_index, score
    if layout == "efficient_nms":
        return [np.array([[n]], np.int32), boxes.astype(np.float32), full.astype(np.float32), classes.astype(np.int32)]
    return [xyxy.astype(np.float32), class_index.astype(np.int64), score.astype(np.float32)]


LAYOUTS = ("yolov5", "yolov8", "yolov10", "yolov7_nms", "efficient_nms", "torchvision")


@st.composite
def detections(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(0, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low = rng.uniform(0, 300, (n, 2))
    return np.concatenate([low, low + rng.uniform(4, 300, (n, 2))], 1), rng.uniform(0.1, 1, n), rng.integers(0, 5, n)


@given(known=detections(), layout=st.sampled_from(LAYOUTS))
@settings(max_examples=150, deadline=None)
def test_every_layout_gives_the_same_detections(known: tuple[np.ndarray, ...], layout: str) -> None:
    xyxy, score, class_index = known
    raw = read_outputs(layout, outputs_in(layout, *known))
    raw = raw.where(raw.score > 0.05)
    assert np.allclose(raw.xyxy, xyxy, atol=1e-3)
    assert np.allclose(raw.score, score, atol=1e-5)
    assert raw.class_index.tolist() == class_index.tolist()


@pytest.mark.parametrize("layout", ["yolov5", "yolov8", "yolov10"])
def test_masks_of_a_segmentation_model_are_ignored(layout: str) -> None:
    known = np.array([[10.0, 20.0, 50.0, 60.0]]), np.array([0.9]), np.array([3])
    (plain,) = outputs_in(layout, *known)
    axis = 1 if layout == "yolov8" else 2
    shape = list(plain.shape)
    shape[axis] = 16
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with_masks = read_outputs(layout, [np.concatenate([plain, noise], axis), np.zeros((1, 16, 8, 8), np.float32)])
    without = read_outputs(layout, [plain])
    assert np.array_equal(with_masks.xyxy, without.xyxy)
    assert np.array_equal(with_masks.score, without.score)
    assert with_masks.num_classes == without.num_classes


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("given", LAYOUTS)
def test_outputs_of_another_layout_are_refused_with_their_shapes(layout: str, given: str) -> None:
    known = np.array([[10.0, 20.0, 50.0, 60.0]] * 3), np.array([0.9, 0.8, 0.7]), np.array([3, 0, 1])
    outputs = outputs_in(given, *known)
    if layout == given:
        assert len(read_outputs(layout, outputs).score) >= 3
        return
    with pytest.raises(InputError) as refusal:
        read_outputs(layout, outputs)
    assert layout in str(refusal.value)
    if (layout, given) == ("yolov5", "yolov10"):  # `1 n 6` is also a YOLOv5 of one class; scores tell them apart
        assert "expected probabilities" in str(refusal.value)
    else:
        assert shapes_of(outputs) in str(refusal.value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[0, 0].__setitem__(0, np.nan), "not finite"),
        (lambda rows: rows[0, 0].__setitem__(2, np.inf), "not finite"),
        (lambda rows: rows[0, 0].__setitem__(4, 7.5), "expected probabilities"),
        (lambda rows: rows[0, 0].__setitem__(4, -3.0), "expected probabilities"),
        (lambda rows: rows[0, 0].__setitem__(5, 1.5), "not whole numbers"),
        (lambda rows: rows[0, 0].__setitem__(5, np.nan), "not whole numbers"),
    ],
)
def test_values_that_cannot_be_are_refused(spoil: object, message: str) -> None:
    rows = np.tile(np.array([1.0, 2.0, 30.0, 40.0, 0.5, 2.0], np.float32), (1, 4, 1))
    spoil(rows)
    with pytest.raises(InputError, match=message):
        read_outputs("yolov10", [rows])


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [np.zeros((2, 9, 100), np.float32)],  # two pictures
        [np.zeros((1, 4, 100), np.float32)],  # boxes without classes
        [np.zeros((1, 100, 9), np.float32)],  # rows, not columns
        [np.zeros((9, 100), np.float32)],
        [np.zeros((1, 9, 100), np.float32)] * 3,
    ],
)
def test_no_yolov8(outputs: list[np.ndarray]) -> None:
    with pytest.raises(InputError, match="layout yolov8 expects"):
        read_outputs("yolov8", outputs)


def test_torchvision_gives_labels_and_scores_in_either_order() -> None:
    known = np.array([[1.0, 2.0, 30.0, 40.0]]), np.array([0.9]), np.array([3])
    boxes, labels, scores = outputs_in("torchvision", *known)
    for outputs in ([boxes, labels, scores], [boxes, scores, labels]):
        raw = read_outputs("torchvision", outputs)
        assert (raw.class_index.tolist(), raw.score.tolist()) == ([3], pytest.approx([0.9]))
    with pytest.raises(InputError, match="layout torchvision expects three outputs"):
        read_outputs("torchvision", [boxes, scores, scores])


@pytest.mark.parametrize("count", [-1, 61, 0.5])
def test_a_wrong_number_of_detections_is_refused(count: float) -> None:
    outputs = outputs_in("efficient_nms", np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    outputs[0] = np.array([[count]], np.float32 if count == 0.5 else np.int32)
    with pytest.raises(InputError, match="layout efficient_nms"):
        read_outputs("efficient_nms", outputs)
