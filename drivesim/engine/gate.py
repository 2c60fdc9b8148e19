"""The adherence gate: sample a first frame, read it, sample again until it obeys its layout; keep the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from drivesim.detection.adherence import Adherence, adherence
from drivesim.detection.detections import Detections
from drivesim.errors import InputError
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.vocabulary import CATEGORIES

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Gated(Generic[Sample]):
    """The sample that was kept, the number of its attempt, and how every attempt did, in order."""

    sample: Sample
    kept: int
    attempts: tuple[Adherence, ...]

    @property
    def rejections(self) -> tuple[Adherence, ...]:
        """The attempts that were not kept."""
        return tuple(attempt for number, attempt in enumerate(self.attempts) if number != self.kept)

    def record(self) -> dict[str, Any]:
        """Everything about the choice as plain JSON: requested and detected vehicles are never mixed up."""
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
    """What the gate compares a first frame with; InputError where the scenario has no boxes."""
    layout = scenario.layout()
    if layout is None:
        raise InputError(f"{scenario.name}: the gate compares a frame with its boxes; give `boxes` or `actors`")
    return layout


def gated(
    layout: SceneLayout,
    sample: Callable[[int], Sample],
    read: Callable[[Sample], Detections],
    max_attempts: int,
) -> Gated[Sample]:
    """Samples attempts 0, 1, ... until one is perfect or all are used up, and keeps the first of the best.

    `sample`: makes an attempt, such as the latents of a frame. `read`: the vehicles in it.
    """
    if max_attempts < 1:
        raise ValueError(f"the gate needs at least one attempt, got {max_attempts}")
    attempts: list[Adherence] = []
    best: Sample | None = None
    kept = 0
    for number in range(max_attempts):
        made = sample(number)
        attempts.append(adherence(layout, read(made)))
        if best is None or attempts[-1].score > attempts[kept].score:
            best, kept = made, number
        if attempts[-1].perfect:
            break
    return Gated(best, kept, tuple(attempts))


def _vehicles(xyxy: np.ndarray, category: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"category": CATEGORIES[index], "xyxy": [round(float(edge), 5) for edge in box]}
        for box, index in zip(xyxy, category, strict=True)
    ]


def _detected(found: Detections) -> list[dict[str, Any]]:
    vehicles = _vehicles(found.xyxy, found.category)
    return [{**v, "score": round(float(score), 4)} for v, score in zip(vehicles, found.score, strict=True)]
