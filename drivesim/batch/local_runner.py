"""Runs the jobs of a batch on this machine: worker processes that load the models once and do one job at a time."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Self

from drivesim.batch.attempt import Ended, Timed, Work, attempt, engine_work
from drivesim.batch.plan import BatchPlan
from drivesim.batch.runner import DEFAULT_LIMITS, BatchEvent, Limits, WorkerDied, run_jobs
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.workers import end_with_parent


def run_batch(
    plan: BatchPlan, num_workers: int, limits: Limits = DEFAULT_LIMITS, work: Work | None = None
) -> Iterator[BatchEvent]:
    """Does what is left of a batch in up to `num_workers` processes, as `run_jobs` says.

    `work`: in place of the engine, run in forked workers.
    """
    yield from run_jobs(plan, _Processes(num_workers, plan.common, work), limits)


class _Processes:
    """Up to `num_workers` processes, each started when it is first needed."""

    def __init__(self, num_workers: int, common: dict, work: Work | None) -> None:
        self.num_workers = num_workers
        self.common = common
        self.work = work
        self.idle: list[_Worker] = []
        self.busy: list[_Worker] = []

    def take(self) -> _Worker | None:
        if not self.idle:
            if len(self.busy) == self.num_workers:
                return None
            self.idle.append(_Worker(self.common, self.work))
        self.busy.append(self.idle.pop())
        return self.busy[-1]

    def wait(self, busy: list[_Worker], seconds: float) -> list[_Worker]:
        ready = wait([worker.connection for worker in busy], seconds)
        return [worker for worker in busy if worker.connection in ready]

    def give_back(self, worker: _Worker) -> None:
        self.busy.remove(worker)
        self.idle.append(worker)

    def end(self, worker: _Worker) -> None:
        self.busy.remove(worker)
        worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self.idle, *self.busy]:
            worker.stop()


class _Worker:
    """A process that does one job at a time."""

    def __init__(self, common: dict, work: Work | None) -> None:
        context = multiprocessing.get_context("spawn" if work is None else "fork")
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
            return self.connection.recv()
        except (EOFError, OSError):
            raise WorkerDied(self._death()) from None

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _death(self) -> str:
        self.process.join()
        code = self.process.exitcode
        if code >= 0:
            return f"its worker process ended with exit code {code}"
        hint = " (memory may be short)" if code == -signal.SIGKILL else ""
        return f"its worker process was ended by signal {signal.Signals(-code).name}{hint}"


def _serve(connection: Connection, common: dict, work: Work | None) -> None:
    """The life of a worker: jobs in, messages out, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        work = work or engine_work(common)
        while True:
            for message in attempt(connection.recv(), work):
                connection.send(message)
    except (EOFError, OSError):
        return
