"""A worker that is stopped is noticed although others go on."""

from __future__ import annotations

import itertools
import threading
from multiprocessing import Pipe

import pytest

from drivesim.errors import DrivesimError
from drivesim.rollout import workers


class Talker(workers._WindowWorker):
    """A worker that makes a step again and again, or never."""

    def __init__(self, talks: bool) -> None:
        self.connection, self.theirs = Pipe()
        self.task, self.silent_s = None, 0.0
        self.stopped = threading.Event()
        if talks:
            threading.Thread(target=self.talk, daemon=True).start()

    def talk(self) -> None:
        while not self.stopped.wait(0.02):
            self.theirs.send(0.5)

    def stop(self) -> None:
        self.stopped.set()


class EndlessSchedule:
    def next_task(self) -> str:
        return "task"


def test_a_worker_that_stops_is_noticed_while_another_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SILENCE_LIMIT_S", 1.0)
    pool = workers._Pool.__new__(workers._Pool)
    pool._workers = [Talker(talks=True), Talker(talks=False)]
    with pytest.raises(DrivesimError, match=r"made no step for 1 s; run the same command again"):
        for _ in itertools.islice(pool.steps(EndlessSchedule()), 100_000):
            pass
    pool.stop()


def test_time_that_the_consumer_takes_is_not_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SILENCE_LIMIT_S", 60.0)
    pool = workers._Pool.__new__(workers._Pool)
    pool._workers = [Talker(talks=True)]
    steps = pool.steps(EndlessSchedule())
    next(steps)
    clock = workers.time.monotonic
    monkeypatch.setattr(workers.time, "monotonic", lambda: clock() + 1000)  # a consumer that pauses
    assert next(steps)[1] == 0.5
    steps.close()
    pool.stop()
