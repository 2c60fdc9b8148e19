"""Runs the jobs of a batch on this machine, in worker processes that load the models once and do one job at a time."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Literal, Self

from drivesim.batch.attempt import Ended, Timed, Work, attempt, engine_work
from drivesim.batch.plan import BatchPlan
from drivesim.batch.runner import DEFAULT_LIMITS, BatchEvent, Limits, WorkerDied, run_jobs
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.workers import end_with_parent, how_it_ended


def run_batch(
    plan: BatchPlan, num_workers: int, limits: Limits = DEFAULT_LIMITS, work: Work | None = None
) -> Iterator[BatchEvent]:
    """Does what is left of a batch in up to `num_workers` processes; see `run_jobs`.

    Args:
        plan: the batch.
        num_workers: maximum number of worker processes.
        limits: when an attempt is given up.
        work: takes the place of the engine; its workers are forked.
    """
    yield from run_jobs(plan, _Processes(num_workers, plan.common, work), limits)


class _Processes:
    """A pool of up to `num_workers` processes, each of which is started when it is first needed."""

    def __init__(self, num_workers: int, common: dict[str, Any], work: Work | None) -> None:
        self.num_workers = num_workers
        self.common = common
        self.work = work
        self.idle: list[_JobProcess] = []
        self.busy: list[_JobProcess] = []

    def take(self) -> _JobProcess | None:
        if not self.idle:
            if len(self.busy) == self.num_workers:
                return None
            self.idle.append(_JobProcess(self.common, self.work))
        self.busy.append(self.idle.pop())
        return self.busy[-1]

    def wait(self, busy: list[_JobProcess], seconds: float) -> list[_JobProcess]:
        ready = wait([worker.connection for worker in busy], seconds)
        return [worker for worker in busy if worker.connection in ready]

    def give_back(self, worker: _JobProcess) -> None:
        self.busy.remove(worker)
        self.idle.append(worker)

    def end(self, worker: _JobProcess) -> None:
        self.busy.remove(worker)
        worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self.idle, *self.busy]:
            worker.stop()


class _JobProcess:
    """A process that does one job at a time."""

    def __init__(self, common: dict[str, Any], work: Work | None) -> None:
        method: Literal["spawn", "fork"] = "spawn" if work is None else "fork"
        context: Any = multiprocessing.get_context(method)
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, common, work), daemon=True)
        self.process.start()
        theirs.close()

    def start(self, job: RolloutJob) -> None:
        try:
            self.connection.send(job)
        except OSError:
            return

    def receive(self) -> Timed | Ended:
        try:
            message: Timed | Ended = self.connection.recv()
            return message
        except (EOFError, OSError):
            raise WorkerDied(self._death()) from None

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _death(self) -> str:
        code, how = how_it_ended(self.process)
        return f"its worker process {how}{' (memory may be short)' if code == -signal.SIGKILL else ''}"


def _serve(connection: Connection, common: dict[str, Any], work: Work | None) -> None:
    """The life of a worker: it receives jobs and sends messages until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        work = work or engine_work(common)
        while True:
            for message in attempt(connection.recv(), work):
                connection.send(message)
    except (EOFError, OSError):
        return
