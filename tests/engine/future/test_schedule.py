"""The loop that makes windows, with work that needs no networks: whatever the order of steps, windows come in order."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from drivesim.engine.future.render import StageDone
from drivesim.engine.future.schedule import Schedule, Step, Task, make_windows
from drivesim.engine.future.windows import FutureStart, Predicted, Progress, Window

NUM_WINDOWS = 5


def latents(future: int, window: int) -> np.ndarray:
    return np.array([future, window])


def steps_of(task: Task) -> Iterator[Step]:
    """Checks what the task stands on, and makes two blocks of frames."""
    assert (task.previous is None) == (task.window == 0)
    if task.previous is not None:
        assert task.previous.tolist() == [task.future, task.window - 1]
    if task.predicted is None:
        yield Predicted(latents(task.future, task.window))
        return
    assert task.predicted.latents.tolist() == [task.future, task.window]
    for block in range(2):
        frames = np.full((1, 1, 1, 1), 10 * task.future + task.window + 100 * block)
        yield StageDone(task.window, "upsample", (block + 1) / 2, frames)
    yield None


class RandomWorkers:
    """Several tasks at a time, whose steps come in a random order."""

    def __init__(self, num_workers: int, seed: int) -> None:
        self.num_workers, self.rng, self.most_predicted = num_workers, random.Random(seed), 0

    def steps(self, schedule: Schedule) -> Iterator[tuple[Task, Step]]:
        running: list[tuple[Task, Iterator[Step]]] = []
        waiting: set[tuple[int, int]] = set()
        while True:
            while len(running) < self.num_workers and (task := schedule.next_task()):
                running.append((task, steps_of(task)))
            if not running:
                return
            task, steps = self.rng.choice(running)
            step = next(steps)
            if step is None or isinstance(step, Predicted):
                running.remove((task, steps))
                (waiting.add if isinstance(step, Predicted) else waiting.discard)((task.future, task.window))
            self.most_predicted = max(self.most_predicted, len(waiting))
            yield task, step


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("num_workers", [1, 3, 8])
def test_windows_come_whole_and_in_order(num_workers: int, seed: int) -> None:
    workers = RandomWorkers(num_workers, seed)
    starts = [FutureStart(0), FutureStart(1, 2, latents(1, 1)), FutureStart(2, NUM_WINDOWS, latents(2, 4))]
    events = list(make_windows(Schedule(starts, NUM_WINDOWS, num_workers + 2), workers.steps))
    made = [event for event in events if isinstance(event, Window)]
    for start in starts:
        windows = [window for window in made if window.future == start.future]
        assert [window.index for window in windows] == list(range(start.window, NUM_WINDOWS))
        for window in windows:
            first = 10 * start.future + window.index
            assert window.frames.ravel().tolist() == [first, first + 100]
            assert window.keyframe_latents.tolist() == [start.future, window.index]
    told = [event.stage for event in events if isinstance(event, Progress)]
    assert (told.count("predict"), told.count("upsample")) == (len(made), 2 * len(made))
    assert workers.most_predicted <= 2 * num_workers + 2


def test_known_keyframes_are_only_rendered() -> None:
    known = tuple(Predicted(latents(0, window), {"window": window}) for window in range(3, NUM_WINDOWS))
    schedule = Schedule([FutureStart(0, 3, latents(0, 2), known)], NUM_WINDOWS)
    assert schedule.max_tasks == 2
    events = list(make_windows(schedule, RandomWorkers(2, 0).steps))
    assert not [event for event in events if isinstance(event, Progress) and event.stage == "predict"]
    assert [event.gate for event in events if isinstance(event, Window)] == [{"window": 3}, {"window": 4}]


def test_without_frames_windows_are_only_predicted() -> None:
    schedule = Schedule([FutureStart(0)], NUM_WINDOWS, with_frames=False)
    events = list(make_windows(schedule, RandomWorkers(2, 0).steps))
    assert [(event.index, event.frames) for event in events if isinstance(event, Window)] == [
        (window, None) for window in range(NUM_WINDOWS)
    ]


def test_one_at_a_time_a_window_is_finished_before_the_next_one_is_predicted() -> None:
    events = make_windows(Schedule([FutureStart(0)], NUM_WINDOWS), RandomWorkers(1, 0).steps)
    stages = ["window" if isinstance(event, Window) else event.stage for event in events]
    assert stages == ["predict", "upsample", "upsample", "window"] * NUM_WINDOWS
