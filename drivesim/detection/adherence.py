"""How well a picture follows its layout: what the vehicle detector found against what was requested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.detection.matching import match_boxes
from drivesim.geometry.boxes import iou_matrix
from drivesim.geometry.requestable import MIN_BOX_SIDE, longer_side
from drivesim.scenario.schema.layout import SceneLayout

FOUND, WRONG_CATEGORY, MISSING = "found", "wrong category", "missing"
MIN_IOU = 0.5
_NEAR_IOU = 0.1


@dataclass(frozen=True, eq=False)
class Adherence:
    """The requested boxes and the detections of one picture, compared.

    Attributes:
        requested: The requested boxes.
        detected: The detections.
        outcome: For each requested box `FOUND` (overlap of at least 0.5 and the same category), `WRONG_CATEGORY` or
            `MISSING`.
        partner: For each requested box the index of its detection, or -1.
        misplaced: Which detections lie beside a missing box.
        unasked: Which detections nobody requested.
    """

    requested: SceneLayout
    detected: Detections
    outcome: tuple[str, ...]
    partner: np.ndarray
    misplaced: np.ndarray
    unasked: np.ndarray

    @property
    def score(self) -> float:
        """The number of found boxes, plus half of those of a wrong category, minus half of the unasked vehicles."""
        found, wrong = self.outcome.count(FOUND), self.outcome.count(WRONG_CATEGORY)
        return found + 0.5 * wrong - 0.5 * int(self.unasked.sum())

    @property
    def perfect(self) -> bool:
        """Whether everything that was requested is there, and nothing else."""
        return all(outcome == FOUND for outcome in self.outcome) and not self.unasked.any()


def adherence(requested: SceneLayout, detected: Detections) -> Adherence:
    """Compares the detections in a picture with the layout that it was made from, one to one."""
    partner = match_boxes(requested.xyxy, detected.xyxy, MIN_IOU)
    outcome = tuple(
        MISSING if p < 0 else FOUND if detected.category[p] == requested.category[index] else WRONG_CATEGORY
        for index, p in enumerate(partner)
    )
    extra = longer_side(detected.xyxy) >= MIN_BOX_SIDE  # smaller vehicles cannot be requested, so none is too many
    extra[partner[partner >= 0]] = False
    lost = requested.xyxy[partner < 0]
    near = (iou_matrix(detected.xyxy, lost) >= _NEAR_IOU).any(1) if len(lost) else np.zeros(len(detected), bool)
    return Adherence(requested, detected, outcome, partner, extra & near, extra & ~near)
