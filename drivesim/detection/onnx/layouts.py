"""The output layouts of detectors that drivesim understands, for `k` classes and `n` boxes.

| layout          | outputs                                                                  | repeats are       |
| --------------- | ------------------------------------------------------------------------ | ----------------- |
| `yolov5`        | `1 n (5+k)`: centre x y, width, height, objectness, class scores         | suppressed here   |
| `yolov8`        | `1 (4+k) n`: centre x y, width, height, class scores                     | suppressed here   |
| `yolov10`       | `1 n 6`: x0 y0 x1 y1 score class; rows of score 0 are empty              | already suppressed |
| `yolov7_nms`    | `n 7`: picture, x0 y0 x1 y1, class, score                                | already suppressed |
| `efficient_nms` | num_dets `1 1`, boxes `1 n 4` (x0 y0 x1 y1), scores `1 n`, classes `1 n` | already suppressed |
| `torchvision`   | boxes `n 4` (x0 y0 x1 y1); integer labels `n` and scores `n` in any order | already suppressed |

`yolov5` is also what YOLOv7 gives without suppression, `yolov8` what YOLOv9, v11 and v12 give, `yolov10` what YOLOv8
gives when exported with suppression. A segmentation model has a further output `1 m h w` of mask prototypes, and m
values more for each box after its scores; both are ignored. Scores are probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.errors import InputError

SUPPRESSED = ("yolov10", "yolov7_nms", "efficient_nms", "torchvision")
"""Layouts in which repeated detections of one object are already suppressed."""

_EXPECTED = {
    "yolov5": "one output `1 n 5+classes` with more boxes than values for each",
    "yolov8": "one output `1 4+classes n` with more boxes than values for each",
    "yolov10": "one output `1 n 6`",
    "yolov7_nms": "one output `n 7`",
    "efficient_nms": "four outputs `1 1`, `1 n 4`, `1 n`, `1 n`",
    "torchvision": "three outputs `n 4`, and `n` integers and `n` scores in any order",
}
_TOLERANCE = 1e-3  # of scores and class numbers in half precision
_MAX_VALUES = 10_000  # of one box


@dataclass(frozen=True, eq=False)
class RawDetections:
    """Detections as a detector gives them.

    Attributes:
        xyxy: Boxes `n 4`, in the coordinates of the detector.
        score: Scores `n`.
        class_index: Classes of the detector, int64 `n`.
        num_classes: Number of its classes; None if it is not known.
    """

    xyxy: np.ndarray
    score: np.ndarray
    class_index: np.ndarray
    num_classes: int | None = None

    def where(self, keep: np.ndarray) -> RawDetections:
        """Returns the detections that a mask or an index `n` selects."""
        return RawDetections(self.xyxy[keep], self.score[keep], self.class_index[keep], self.num_classes)


def read_outputs(layout: str, outputs: Sequence[np.ndarray]) -> RawDetections:
    """Reads the detections of one picture from the outputs of a detector.

    Args:
        layout: Name of the layout.
        outputs: The outputs.

    Raises:
        InputError: The outputs have other shapes than the layout, or hold scores that are not probabilities, boxes that
            are not finite, or classes that are not whole numbers.
    """
    arrays, extra = _without_prototypes(outputs)
    read = {
        "yolov5": _yolov5,
        "yolov8": _yolov8,
        "yolov10": _yolov10,
        "yolov7_nms": _yolov7_nms,
        "efficient_nms": _efficient_nms,
        "torchvision": _torchvision,
    }[layout]
    raw = read(arrays, extra)
    if raw is None:
        raise InputError(f"layout {layout} expects {_EXPECTED[layout]}, got {shapes_of(outputs)}")
    if not np.isfinite(raw.xyxy).all() or not np.isfinite(raw.score).all():
        raise InputError("its boxes or scores are not finite numbers")
    if len(raw.score) and not -_TOLERANCE <= raw.score.min() <= raw.score.max() <= 1 + _TOLERANCE:
        seen = f"{raw.score.min():.3g} to {raw.score.max():.3g}"
        raise InputError(f"its scores by layout {layout} are {seen}, expected probabilities from 0 to 1")
    return raw


def shapes_of(outputs: Sequence[np.ndarray]) -> str:
    """Returns the types and shapes of outputs on one line."""
    return ", ".join(f"{output.dtype} {' '.join(map(str, output.shape)) or 'scalar'}" for output in outputs) or "none"


def _without_prototypes(outputs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], int]:
    """The outputs without mask prototypes `1 m h w`, and m, 0 where there are none."""
    if len(outputs) == 2 and outputs[1].ndim == 4 and len(outputs[1]) == 1:
        return [outputs[0]], outputs[1].shape[1]
    return list(outputs), 0


def _yolov5(outputs: list[np.ndarray], extra: int) -> RawDetections | None:
    shape = _shape(outputs, 3)
    if shape is None or shape[0] != 1 or not 5 < shape[2] - extra < _MAX_VALUES or shape[2] > shape[1]:
        return None
    rows = outputs[0][0][:, : shape[2] - extra].astype(np.float64)
    return _of_class_scores(rows[:, :4], rows[:, 4:5] * rows[:, 5:])


def _yolov8(outputs: list[np.ndarray], extra: int) -> RawDetections | None:
    shape = _shape(outputs, 3)
    if shape is None or shape[0] != 1 or not 4 < shape[1] - extra < _MAX_VALUES or shape[1] > shape[2]:
        return None
    rows = outputs[0][0][: shape[1] - extra].T.astype(np.float64)
    return _of_class_scores(rows[:, :4], rows[:, 4:])


def _yolov10(outputs: list[np.ndarray], extra: int) -> RawDetections | None:
    shape = _shape(outputs, 3)
    if shape is None or shape[0] != 1 or shape[2] != 6 + extra:
        return None
    rows = outputs[0][0].astype(np.float64)
    return RawDetections(rows[:, :4], rows[:, 4], _whole(rows[:, 5]))


def _yolov7_nms(outputs: list[np.ndarray], extra: int) -> RawDetections | None:
    shape = _shape(outputs, 2)
    if shape is None or shape[1] != 7:
        return None
    rows = outputs[0].astype(np.float64)
    return RawDetections(rows[:, 1:5], rows[:, 6], _whole(rows[:, 5]))


def _efficient_nms(outputs: list[np.ndarray], extra: int) -> RawDetections | None:
    if len(outputs) != 4 or outputs[0].size != 1 or outputs[0].dtype.kind not in "iu":
        return None
    count, (boxes, scores, classes) = int(outputs[0].reshape(())), outputs[1:]
    if boxes.ndim != 3 or boxes.shape[::2] != (1, 4) or not scores.shape == classes.shape == boxes.shape[:2]:
        return None
    if not 0 <= count <= boxes.shape[1]:
        return None
    parts = (part[0, :count].astype(np.float64) for part in (boxes, scores, classes))
    xyxy, score, class_index = parts
    return RawDetections(xyxy, score, _whole(class_index))


def _torchvision(outputs: list[np.ndarray], extra: int) -> RawDetections | None:
    if len(outputs) != 3:
        return None
    boxes, *rest = outputs
    labels, scores = sorted(rest, key=lambda output: output.dtype.kind not in "iu")
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not labels.shape == scores.shape == boxes.shape[:1]:
        return None
    if labels.dtype.kind not in "iu" or scores.dtype.kind != "f":
        return None
    return RawDetections(boxes.astype(np.float64), scores.astype(np.float64), labels.astype(np.int64))


def _shape(outputs: list[np.ndarray], axes: int) -> tuple[int, ...] | None:
    """The shape of the only output, None where there are others or it has another number of axes."""
    return outputs[0].shape if len(outputs) == 1 and outputs[0].ndim == axes else None


def _of_class_scores(cxcywh: np.ndarray, scores: np.ndarray) -> RawDetections:
    """Boxes `n 4` by centre and size with scores `n k`: the best class of each."""
    half = cxcywh[:, 2:] / 2
    xyxy = np.concatenate([cxcywh[:, :2] - half, cxcywh[:, :2] + half], 1)
    best = scores.argmax(1) if len(scores) else np.zeros(0, np.int64)
    return RawDetections(xyxy, scores[np.arange(len(scores)), best], best, scores.shape[1])


def _whole(values: np.ndarray) -> np.ndarray:
    """Class numbers as integers. Raises InputError if they are not whole numbers."""
    if not np.isfinite(values).all() or np.abs(values - np.round(values)).max(initial=0) > _TOLERANCE:
        raise InputError("its class numbers are not whole numbers; the layout is probably another one")
    return np.round(values).astype(np.int64)
