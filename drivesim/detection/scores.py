"""Precision, recall and average precision of detections against labelled boxes.

`judge` decides frame by frame which detections are right. The figures are weighted sums over frames, so that a
bootstrap over frames is cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.geometry.boxes import area, iou_matrix
from drivesim.geometry.requestable import longer_side


@dataclass(frozen=True, eq=False)
class Truth:
    """The labelled vehicles of a frame.

    Attributes:
        xyxy: Boxes in 0..1 of the frame, `n 4`.
        category: Positions in `CATEGORIES`, `n`.
        counts: Whether a vehicle should be found, `n`; the others may be found or not.
    """

    xyxy: np.ndarray
    category: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The judged detections of all frames, the best score first.

    Attributes:
        score: Score of each detection, `n`.
        hit: Whether it is a vehicle, `n`.
        right_category: Whether it has the category of that vehicle, `n`.
        frame: Number of its frame, `n`.
        num_vehicles: Number of vehicles that should be found in each frame.
    """

    score: np.ndarray
    hit: np.ndarray
    right_category: np.ndarray
    frame: np.ndarray
    num_vehicles: np.ndarray

    def average_precision(self, weight: np.ndarray | None = None) -> float:
        """Returns the area under the precision-recall curve with monotone precision (PASCAL VOC 2010)."""
        hits, misses, vehicles = self._sums(weight)
        if not vehicles:
            return float("nan")
        recall, precision = np.cumsum(hits) / vehicles, np.cumsum(hits) / np.maximum(np.cumsum(hits + misses), 1e-12)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(recall, prepend=0.0) * envelope))

    def recall(self, threshold: float, weight: np.ndarray | None = None) -> float:
        """Returns the fraction of the vehicles that were found."""
        hits, _, vehicles = self.where(self.score >= threshold)._sums(weight)
        return float(hits.sum() / vehicles) if vehicles else float("nan")

    def precision(self, threshold: float, weight: np.ndarray | None = None) -> float:
        """Returns the fraction of the detections that are vehicles."""
        hits, misses, _ = self.where(self.score >= threshold)._sums(weight)
        found = hits.sum() + misses.sum()
        return float(hits.sum() / found) if found else float("nan")

    def category_accuracy(self, threshold: float, weight: np.ndarray | None = None) -> float:
        """Returns the fraction of the found vehicles that have the right category."""
        kept = self.where(self.score >= threshold)
        hits, _, _ = kept._sums(weight)
        return float((hits * kept.right_category).sum() / hits.sum()) if hits.sum() else float("nan")

    def false_per_frame(self, threshold: float, weight: np.ndarray | None = None) -> float:
        """Returns the number of detections per frame that are not a vehicle."""
        _, misses, _ = self.where(self.score >= threshold)._sums(weight)
        return float(misses.sum() / (len(self.num_vehicles) if weight is None else weight.sum()))

    def best_threshold(self) -> float:
        """Returns the score with the largest harmonic mean of precision and recall."""
        if not len(self.score):
            return 0.5
        found, hits = np.arange(1, len(self.score) + 1), np.cumsum(self.hit)
        return float(self.score[np.argmax(2 * hits / (found + self.num_vehicles.sum()))])

    def where(self, keep: np.ndarray) -> Verdicts:
        """Returns the verdicts of the detections that a mask or an index selects."""
        return Verdicts(
            self.score[keep], self.hit[keep], self.right_category[keep], self.frame[keep], self.num_vehicles
        )

    def _sums(self, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, float]:
        """Weighted hits and misses, by detection, and vehicles; `weight` of each frame, 1 where None."""
        weight = np.ones(len(self.num_vehicles)) if weight is None else weight
        of_detection = weight[self.frame]
        return of_detection * self.hit, of_detection * ~self.hit, float(weight @ self.num_vehicles)


def judge(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    min_iou: float = 0.5,
    sides: tuple[float, float] = (0.0, np.inf),
) -> Verdicts:
    """Compares the detections of each frame with its labels.

    From the best score down, each detection takes the free vehicle that it overlaps most. A detection that lies on a
    vehicle that does not count is left out.

    Args:
        truths: The labels of each frame.
        found: The detections in each frame.
        min_iou: Smallest overlap of a detection with its vehicle.
        sides: Range of sizes (`longer_side`). Vehicles of other sizes do not count, and detections of other sizes that
            hit nothing are left out, as in COCO.
    """
    rows: list[tuple[float, bool, bool, int]] = []
    num_vehicles = np.zeros(len(truths))
    for number, (truth, detections) in enumerate(zip(truths, found, strict=True)):
        counts = truth.counts & _within(truth.xyxy, sides)
        num_vehicles[number] = counts.sum()
        fits_size = _within(detections.xyxy, sides)
        overlap = iou_matrix(detections.xyxy, truth.xyxy)
        excused = _covered(detections.xyxy, truth.xyxy[~counts])
        free = counts.copy()
        for index in np.argsort(-detections.score, kind="stable"):
            candidates = np.where(free, overlap[index], 0.0)
            best = int(candidates.argmax()) if len(candidates) else -1
            if best >= 0 and candidates[best] >= min_iou:
                free[best] = False
                same = bool(truth.category[best] == detections.category[index])
                rows.append((float(detections.score[index]), True, same, number))
            elif fits_size[index] and not excused[index]:
                rows.append((float(detections.score[index]), False, False, number))
    rows.sort(key=lambda row: -row[0])
    score, hit, right_category, frame = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Verdicts(
        np.array(score, float), np.array(hit, bool), np.array(right_category, bool), np.array(frame, int), num_vehicles
    )


def _within(xyxy: np.ndarray, sides: tuple[float, float]) -> np.ndarray:
    side = longer_side(xyxy)
    return (side >= sides[0]) & (side < sides[1])


def _covered(xyxy: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Whether half of each box `n 4` lies in one of the boxes `m 4`: `n`."""
    if not len(by):
        return np.zeros(len(xyxy), bool)
    corners = np.concatenate(
        [np.maximum(xyxy[:, None, :2], by[None, :, :2]), np.minimum(xyxy[:, None, 2:], by[None, :, 2:])], -1
    )
    covered: np.ndarray = (area(corners) >= 0.5 * np.maximum(area(xyxy), 1e-12)[:, None]).any(1)
    return covered
