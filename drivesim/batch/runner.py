"""Runs the jobs of a batch on workers, on any machine: hands them out, listens, gives up, tries again, records.

Only the archives decide what is left to do, so this can be ended at any instant and started again. A job that fails, a
worker that dies and one that falls silent are tried again, then recorded; they stop nothing else.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

from drivesim.archive import check_archive, open_archive
from drivesim.archive.previews import is_whole_preview
from drivesim.batch.attempt import Ended, Timed
from drivesim.batch.plan import BatchPlan, PlannedJob
from drivesim.batch.results import JobResult, open_batch, read_result, write_result
from drivesim.engine import Progress
from drivesim.errors import DrivesimError
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import Committed, JobEvent, Opened, PreviewWritten
from drivesim.rollout.workers import SILENCE_LIMIT_S

_LONGEST_WAIT_S = 3600.0
"""Operating systems wait for no more than some weeks at a time; then the limits are looked at again."""


@dataclass(frozen=True)
class Limits:
    """When an attempt at a job is given up, and how often the job is tried again.

    Attributes:
        retries: number of further attempts.
        job_seconds: how long an attempt may take; None for no limit.
        silent_seconds: how long an attempt may make no step; a worker that is silent for longer counts as hanging.
    """

    retries: int = 1
    job_seconds: float | None = None
    silent_seconds: float = SILENCE_LIMIT_S


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class BatchEvent:
    """A job made a `step`, or changed its state if `step` is None."""

    job: PlannedJob
    result: JobResult
    step: JobEvent | None = None


class WorkerDied(Exception):
    """A worker is gone; the text says how it ended."""


class Worker(Protocol):
    """Does one job at a time, in another process or on another machine."""

    def start(self, job: RolloutJob) -> None:
        """Hands it a job. If the worker has died, `receive` says so."""

    def receive(self) -> Timed | Ended:
        """Returns its next message, the last of which for a job is `Ended`; raises WorkerDied."""


WorkerT = TypeVar("WorkerT", bound=Worker)


class Pool(Protocol[WorkerT]):
    """The available workers. As a context manager it ends them all."""

    def take(self) -> WorkerT | None:
        """Returns a worker for a job; None while none is free."""

    def wait(self, busy: list[WorkerT], seconds: float) -> list[WorkerT]:
        """Waits for messages, and returns the workers that have one. It also returns when a worker may be free."""

    def give_back(self, worker: WorkerT) -> None:
        """Takes back a worker that has ended its job."""

    def end(self, worker: WorkerT) -> None:
        """Ends a worker, whatever it is doing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def run_jobs(plan: BatchPlan, pool: Pool[WorkerT], limits: Limits) -> Iterator[BatchEvent]:
    """Does what is left of a batch; yields the jobs that are done already, then each step.

    Raises:
        InputError: the folder cannot be used, or is that of a batch with other settings.
        ArchiveLockedError: another batch runs in this folder.
        DrivesimError: `pool` cannot get any workers.
    """
    lock = open_batch(plan)
    try:
        with pool:
            yield from _Batch(pool, limits).run(plan)
    finally:
        lock.release()


@dataclass
class _Attempt:
    """A job to do, and how often it may be tried again."""

    job: PlannedJob
    result: JobResult
    retries: int


@dataclass
class _Run(Generic[WorkerT]):
    """An attempt that a worker makes now."""

    worker: WorkerT
    attempt: _Attempt
    started_at: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)

    def deadline(self, limits: Limits) -> float:
        """When to check again whether it takes too long."""
        whole = float("inf") if limits.job_seconds is None else self.started_at + limits.job_seconds
        return min(whole, self.heard_at + limits.silent_seconds)

    def overdue(self, limits: Limits) -> str | None:
        """Why it is to be given up now; None if it is not."""
        now = time.monotonic()
        if limits.job_seconds is not None and now >= self.started_at + limits.job_seconds:
            return f"took longer than the time limit of {limits.job_seconds:g} s"
        if now >= self.heard_at + limits.silent_seconds:
            return f"made no step for {limits.silent_seconds:g} s"
        return None


@dataclass
class _Batch(Generic[WorkerT]):
    """The jobs that wait and those that run."""

    pool: Pool[WorkerT]
    limits: Limits
    waiting: deque[_Attempt] = field(default_factory=deque)
    runs: list[_Run[WorkerT]] = field(default_factory=list)

    def run(self, plan: BatchPlan) -> Iterator[BatchEvent]:
        for job in plan.jobs:
            result = read_result(job.rollout.out)
            if result.state == "done" and _is_whole(job):
                yield BatchEvent(job, result)
            else:
                self.waiting.append(_Attempt(job, result, self.limits.retries))
        while True:
            yield from self.hand_out()
            if not self.runs and not self.waiting:
                return
            deadline = min((run.deadline(self.limits) for run in self.runs), default=float("inf"))
            seconds = max(0.0, min(deadline - time.monotonic(), self.limits.silent_seconds, _LONGEST_WAIT_S))
            ready = self.pool.wait([run.worker for run in self.runs], seconds)
            for run in list(self.runs):
                if run.worker in ready:
                    yield from self.receive(run)
                elif (late := run.overdue(self.limits)) is not None:
                    yield from self.give_up(run, late)

    def hand_out(self) -> Iterator[BatchEvent]:
        while self.waiting and (worker := self.pool.take()) is not None:
            attempt = self.waiting.popleft()
            attempt.result.state = "running"
            attempt.result.attempts += 1
            if not _recorded(attempt):  # no place for this job, which is no matter of the others
                self.pool.give_back(worker)
                yield BatchEvent(attempt.job, attempt.result)
                continue
            self.runs.append(_Run(worker, attempt))
            worker.start(attempt.job.rollout)
            yield BatchEvent(attempt.job, attempt.result)

    def receive(self, run: _Run[WorkerT]) -> Iterator[BatchEvent]:
        try:
            message = run.worker.receive()
        except WorkerDied as death:
            yield from self.give_up(run, str(death))
            return
        if isinstance(message, Timed):
            run.heard_at = time.monotonic()
            started_s = run.heard_at - run.started_at
            _count(run.attempt, Timed(message.event, started_s) if isinstance(message.event, Opened) else message)
            yield BatchEvent(run.attempt.job, run.attempt.result, message.event)
            return
        self.runs.remove(run)
        self.pool.give_back(run.worker)
        yield from self.ended(run.attempt, message)

    def give_up(self, run: _Run[WorkerT], error: str) -> Iterator[BatchEvent]:
        self.runs.remove(run)
        self.pool.end(run.worker)
        yield from self.ended(run.attempt, Ended(error, again=True))

    def ended(self, attempt: _Attempt, how: Ended) -> Iterator[BatchEvent]:
        result = attempt.result
        result.error = how.error
        if how.error is None:
            result.state = "done"
        elif how.again and attempt.retries:
            result.state = "waiting"
        else:
            result.state = "failed"
        if _recorded(attempt) and result.state == "waiting":
            attempt.retries -= 1
            self.waiting.append(attempt)
        yield BatchEvent(attempt.job, result)


def _recorded(attempt: _Attempt) -> bool:
    """Writes the result of an attempt; the job has failed where that is not possible."""
    try:
        write_result(attempt.job.rollout.out, attempt.result)
    except DrivesimError as error:
        failure = attempt.result.error
        attempt.result.state, attempt.result.error = "failed", f"{failure}; {error}" if failure else str(error)
        return False
    return True


def _is_whole(job: PlannedJob) -> bool:
    """Returns whether a job that is done still has its archive and its previews, none of them cut off."""
    try:
        path = job.rollout.archive_path
        return (
            open_archive(path).complete
            and not check_archive(path, read_data=False)
            and all(map(is_whole_preview, job.rollout.previews))
        )
    except DrivesimError:
        return False


def _count(attempt: _Attempt, timed: Timed) -> None:
    event, result = timed.event, attempt.result
    match event:
        case Progress():
            result.add_time(event.future, event.stage, timed.seconds)
        case Committed():
            result.add_time(event.future, "commit", timed.seconds)
            result.num_windows += 1
            result.num_frames += event.num_frames
            with contextlib.suppress(DrivesimError):  # the end of the attempt says what is wrong with its folder
                write_result(attempt.job.rollout.out, result)
        case Opened():
            result.add_time(None, "start", timed.seconds)
        case PreviewWritten():
            result.add_time(event.future, "previews", timed.seconds)
