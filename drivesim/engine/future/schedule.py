"""The one loop that makes windows, and the order in which it does so.

The keyframes of a future form a chain, because each window continues the one before. Its frames do not: a window can
be rendered as soon as its keyframes are known. So even a single future keeps several workers busy. Each task depends on
its arguments alone, so that the number of workers and the order of tasks change no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from drivesim.engine.future.render import StageDone
from drivesim.engine.future.windows import FutureStart, Predicted, Progress, Window, work_done


@dataclass(frozen=True)
class Task:
    """Predicts the keyframes of a window if `predicted` is None; otherwise renders the window from them."""

    future: int
    window: int
    previous: np.ndarray | None
    predicted: Predicted | None = None


Step = StageDone | Predicted | None
"""A step of a task: a stage or a part of it, the result of a prediction, or None at the end of a rendering."""
DoTasks = Callable[["Schedule"], Iterator[tuple[Task, Step]]]
"""Takes tasks from a schedule until there are none left, and yields their steps as they are done."""


def make_windows(schedule: Schedule, do_tasks: DoTasks) -> Iterator[Progress | Window]:
    """Yields every step of the work, and each window as soon as it and all windows before it are finished."""
    for task, step in do_tasks(schedule):
        if isinstance(step, StageDone):
            yield Progress(task.future, task.window, step.stage, step.fraction)
        elif isinstance(step, Predicted):
            yield Progress(task.future, task.window, "predict", work_done("predict"))
        yield from schedule.record(task, step)


@dataclass
class _Unfinished:
    """A window whose keyframes are known and whose frames are not all made."""

    predicted: Predicted
    blocks: list[np.ndarray] = field(default_factory=list)
    complete: bool = False


class Schedule:
    """Which task comes next, and which windows are finished.

    Args:
        starts: the futures to make; those that are complete already are left out.
        num_windows: number of windows of each future.
        max_unfinished: number of predicted windows that may wait to be rendered before the next one is predicted.
        with_frames: whether windows are rendered, or only predicted.
    """

    def __init__(
        self, starts: Sequence[FutureStart], num_windows: int, max_unfinished: int = 1, with_frames: bool = True
    ) -> None:
        starts = [start for start in starts if start.window < num_windows]
        self._num_windows = num_windows
        self._with_frames = with_frames
        self._max_unfinished = max_unfinished
        self._predictions = [Task(start.future, start.window, start.previous) for start in starts if not start.known]
        self._renderings: list[Task] = []
        self._unfinished: dict[tuple[int, int], _Unfinished] = {}
        self._next_window = {start.future: start.window for start in starts}
        for start in starts:
            previous = start.previous
            for window, predicted in enumerate(start.known, start.window):
                self._render(Task(start.future, window, previous, predicted), predicted)
                previous = predicted.latents
        self.max_tasks = len(self._predictions) * num_windows + len(self._renderings)
        """No more tasks than this can ever be done at a time."""

    def next_task(self) -> Task | None:
        """The task to do next. Predictions come first, as renderings wait for them, unless many windows are unfinished.

        Returns None if there is no task before another one is done, or none at all.
        """
        if self._predictions and (not self._renderings or len(self._unfinished) < self._max_unfinished):
            return self._predictions.pop(0)
        return self._renderings.pop(0) if self._renderings else None

    def record(self, task: Task, step: Step) -> Iterator[Window]:
        """Takes in a step of a task, and yields the windows that are finished with it."""
        if isinstance(step, Predicted):
            yield from self._predicted(task, step)
        elif isinstance(step, StageDone):
            if step.frames is not None:
                self._unfinished[task.future, task.window].blocks.append(step.frames)
        else:
            yield from self._rendered(task)

    def _predicted(self, task: Task, predicted: Predicted) -> Iterator[Window]:
        if task.window + 1 < self._num_windows:
            self._predictions.append(Task(task.future, task.window + 1, predicted.latents))
        if self._with_frames:
            self._render(Task(task.future, task.window, task.previous, predicted), predicted)
        else:
            yield Window(task.future, task.window, predicted.latents, None, predicted.gate)

    def _render(self, task: Task, predicted: Predicted) -> None:
        self._unfinished[task.future, task.window] = _Unfinished(predicted)
        self._renderings.append(task)

    def _rendered(self, task: Task) -> Iterator[Window]:
        self._unfinished[task.future, task.window].complete = True
        while (made := self._unfinished.get((task.future, self._next_window[task.future]))) and made.complete:
            window, predicted = self._next_window[task.future], made.predicted
            del self._unfinished[task.future, window]
            self._next_window[task.future] += 1
            yield Window(task.future, window, predicted.latents, np.concatenate(made.blocks), predicted.gate)
