"""How long a stage is trained, and the schedule of its learning rate: it rises, stays, and falls to zero at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

DECAY_FROM = 0.8
"""Fraction of a budget after which the learning rate falls: it decays over the last fifth."""


@dataclass(frozen=True)
class Progress:
    """How far a training has come over all runs.

    Attributes:
        step: Number of steps.
        elapsed_s: Seconds of training.
    """

    step: int = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True)
class TrainingBudget:
    """How long a training may last: it ends at the limit that is reached first.

    Attributes:
        seconds: Limit on the time; None sets no limit.
        steps: Limit on the number of steps; None sets no limit.
        start: The progress from which the budget counts. It moves when the training continues on another base.
        decays_after: The progress from which the schedule of the learning rate counts. It moves when a training whose
            learning rate had begun to fall gets more time.
    """

    seconds: float | None = None
    steps: int | None = None
    start: Progress = Progress()
    decays_after: Progress = Progress()

    def ended(self, progress: Progress) -> bool:
        """Returns whether nothing is left of the budget."""
        by_time = self.seconds is not None and progress.elapsed_s - self.start.elapsed_s >= self.seconds
        return by_time or (self.steps is not None and progress.step - self.start.step >= self.steps)

    def used(self, progress: Progress) -> float:
        """Returns the fraction that is used, 0..1, counted from `decays_after`; the nearer limit decides."""
        begun, parts = self.decays_after, [0.0]
        if self.seconds is not None:
            length = self.start.elapsed_s + self.seconds - begun.elapsed_s
            parts.append((progress.elapsed_s - begun.elapsed_s) / length if length > 0 else 1.0)
        if self.steps is not None:
            length = self.start.step + self.steps - begun.step
            parts.append((progress.step - begun.step) / length if length > 0 else 1.0)
        return min(1.0, max(parts))

    def learning_rate_factor(self, progress: Progress, warmup_steps: int) -> float:
        """Returns the factor of the learning rate for the next step: up to 1 over `warmup_steps`, later down to 0."""
        warm = min(1.0, (progress.step - self.decays_after.step + 1) / max(1, warmup_steps))
        return warm * min(1.0, (1 - self.used(progress)) / (1 - DECAY_FROM))

    def of_same_length(self, other: TrainingBudget) -> bool:
        """Returns whether both budgets allow the same time and steps."""
        return (self.seconds, self.steps) == (other.seconds, other.steps)

    def continuing(self, before: TrainingBudget, progress: Progress) -> TrainingBudget:
        """Returns this budget for a training that has reached `progress` under the budget `before`.

        A budget of another length starts the learning rate anew if it had begun to fall.
        """
        falls_again = not self.of_same_length(before) and before.used(progress) > DECAY_FROM
        return replace(self, start=before.start, decays_after=progress if falls_again else before.decays_after)

    def counted_from(self, progress: Progress) -> TrainingBudget:
        """Returns this budget, counted from here on."""
        return replace(self, start=progress, decays_after=progress)
