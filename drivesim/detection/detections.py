"""The vehicles that a detector found in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.geometry.boxes import iou_matrix


@dataclass(frozen=True, eq=False)
class Detections:
    """The vehicles in one picture, the best score first.

    Attributes:
        xyxy: Boxes of the visible parts in 0..1 of the picture, float32 `n 4`.
        category: Positions in `CATEGORIES`, int64 `n`.
        score: Scores, float32 `n`.
    """

    xyxy: np.ndarray
    category: np.ndarray
    score: np.ndarray

    def __post_init__(self) -> None:
        if self.xyxy.shape != (len(self.score), 4) or self.category.shape != self.score.shape:
            shapes = f"{self.xyxy.shape}, {self.category.shape}, {self.score.shape}"
            raise ValueError(f"expected boxes `n 4`, categories `n` and scores `n`, got {shapes}")

    def __len__(self) -> int:
        return len(self.score)

    def where(self, keep: np.ndarray) -> Detections:
        """Returns the detections that a mask or an index `n` selects."""
        return Detections(self.xyxy[keep], self.category[keep], self.score[keep])

    def without_repeats(self, max_iou: float) -> Detections:
        """Returns the detections by score, without those that overlap a better one by more than `max_iou`.

        Categories play no part.
        """
        ordered = self.where(np.argsort(-self.score, kind="stable"))
        overlap = iou_matrix(ordered.xyxy, ordered.xyxy)
        keep = np.ones(len(ordered), bool)
        for index in range(len(ordered)):
            if keep[index]:
                keep[index + 1 :] &= overlap[index, index + 1 :] <= max_iou
        return ordered.where(keep)
