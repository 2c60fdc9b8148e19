"""The adherence gate: sample first frames until one obeys its layout, at most so many, and keep the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from drivesim.detection.adherence import Adherence, adherence
from drivesim.detection.detections import Detections
from drivesim.engine.making import Making, within
from drivesim.errors import InputError
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.vocabulary import CATEGORIES

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Gated(Generic[Sample]):
    """What the gate chose.

    Attributes:
        sample: the sample that was kept.
        kept: the number of its attempt.
        attempts: how each attempt obeyed the layout, in order.
    """

    sample: Sample
    kept: int
    attempts: tuple[Adherence, ...]

    def record(self) -> dict[str, Any]:
        """Returns everything about the choice as plain JSON; requested and detected vehicles stay apart."""
        return {
            "kept": self.kept,
            "requested": _vehicles(self.attempts[0].requested.xyxy, self.attempts[0].requested.category),
            "attempts": [
                {
                    "attempt": number,
                    "kept": number == self.kept,
                    "score": attempt.score,
                    "outcome": list(attempt.outcome),
                    "misplaced": int(attempt.misplaced.sum()),
                    "unasked": int(attempt.unasked.sum()),
                    "detected": _detected(attempt.detected),
                }
                for number, attempt in enumerate(self.attempts)
            ],
        }


def layout_to_obey(scenario: Scenario) -> SceneLayout:
    """Returns the layout that the gate compares a first frame with; raises InputError if there are no boxes."""
    layout = scenario.layout()
    if layout is None:
        raise InputError(f"{scenario.name}: the gate compares a frame with its boxes; give `boxes` or `actors`")
    return layout


def gated(
    layout: SceneLayout,
    sample: Callable[[int], Making[Sample]],
    detect: Callable[[Sample], Detections],
    max_attempts: int,
) -> Making[Gated[Sample]]:
    """Samples attempts 0, 1, ... until one is perfect or all are used up, and keeps the first of the best.

    Args:
        layout: the boxes to obey.
        sample: makes the attempt of a number, such as the latents of a frame.
        detect: finds the vehicles in an attempt.
        max_attempts: at least 1.

    Raises:
        ValueError: there is no attempt.
    """
    if max_attempts < 1:
        raise ValueError(f"the gate needs at least one attempt, got {max_attempts}")
    best, kept = (yield from within(sample(0), 0, 1 / max_attempts)), 0
    attempts = [adherence(layout, detect(best))]
    for number in range(1, max_attempts):
        if attempts[-1].perfect:
            break
        made = yield from within(sample(number), number / max_attempts, (number + 1) / max_attempts)
        attempts.append(adherence(layout, detect(made)))
        if attempts[-1].score > attempts[kept].score:
            best, kept = made, number
    return Gated(best, kept, tuple(attempts))


def _vehicles(xyxy: np.ndarray, category: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"category": CATEGORIES[index], "xyxy": [round(float(edge), 5) for edge in box]}
        for box, index in zip(xyxy, category, strict=True)
    ]


def _detected(found: Detections) -> list[dict[str, Any]]:
    vehicles = _vehicles(found.xyxy, found.category)
    return [{**v, "score": round(float(score), 4)} for v, score in zip(vehicles, found.score, strict=True)]
