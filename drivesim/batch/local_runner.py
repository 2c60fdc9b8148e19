"""Runs the jobs of a batch on this machine: worker processes that load the models once and do one job at a time.

Nothing but the archives decides what is left to do, so this can be ended at any instant and started again. A job
that fails, a worker that dies and one that falls silent are retried, then recorded, and stop nothing else.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from drivesim.archive import check_archive, open_archive
from drivesim.batch.jobs import Committed, JobEvent, Opened, PreviewWritten, RolloutJob, run_rollout
from drivesim.batch.plan import BatchPlan, PlannedJob
from drivesim.batch.results import JobResult, open_batch, read_result, write_result
from drivesim.batch.workers import Progress, end_with_parent
from drivesim.engine import Engine
from drivesim.errors import ArchiveLockedError, DrivesimError, InputError

# Makes a job's events; a worker calls it for each of its jobs.
Work = Callable[[RolloutJob], Iterator[JobEvent]]


@dataclass(frozen=True)
class Limits:
    """When an attempt at a job is given up, and how often it is tried again.

    job_seconds: for a whole attempt. silent_seconds: without any step, which is how a worker looks that hangs.
    """

    retries: int = 1
    job_seconds: float | None = None
    silent_seconds: float = 1800.0


@dataclass(frozen=True)
class BatchEvent:
    """Something happened to a job. `step`: what, while it runs; None where its state changed."""

    job: PlannedJob
    result: JobResult
    step: JobEvent | None = None


@dataclass(frozen=True)
class _Timed:
    """From a worker: an event of its job and the seconds it took."""

    event: JobEvent
    seconds: float


@dataclass(frozen=True)
class _Ended:
    """From a worker: the job is over, or failed. `again`: whether another attempt may do better."""

    error: str | None = None
    again: bool = False


def run_batch(
    plan: BatchPlan, num_workers: int, limits: Limits = Limits(), work: Work | None = None
) -> Iterator[BatchEvent]:
    """Does what is left of a batch; first tells of the jobs that are done already, then of each step.

    `work`: in place of the engine, run in forked workers. Raises InputError (a folder that cannot be used, one of
    other settings) and ArchiveLockedError (another batch is at work there).
    """
    lock = open_batch(plan)
    pool: list[_Worker] = []
    try:
        waiting: deque[_Attempt] = deque()
        for job in plan.jobs:
            result = read_result(job.rollout.out)
            if result.state == "done" and _is_whole(job):
                yield BatchEvent(job, result)
            else:
                waiting.append(_Attempt(job, result, limits.retries))
        while True:
            yield from _hand_out(waiting, pool, num_workers, work)
            busy = [worker for worker in pool if worker.attempt is not None]
            if not busy:
                return
            now = time.monotonic()
            patience = min(worker.deadline(limits) for worker in busy) - now
            ready = wait([worker.connection for worker in busy], max(0.0, patience))
            for worker in busy:
                if worker.connection in ready:
                    yield from _receive(worker, waiting, pool)
                elif (late := worker.overdue(limits)) is not None:
                    yield from _give_up(worker, late, waiting, pool)
    finally:
        for worker in pool:
            worker.stop()
        lock.release()


@dataclass
class _Attempt:
    """A job that is to be done, and how many times it may be tried again."""

    job: PlannedJob
    result: JobResult
    retries: int


def _is_whole(job: PlannedJob) -> bool:
    try:
        path = job.rollout.archive_path
        return open_archive(path).complete and not check_archive(path, read_data=False)
    except DrivesimError:
        return False


def _hand_out(
    waiting: deque[_Attempt], pool: list[_Worker], num_workers: int, work: Work | None
) -> Iterator[BatchEvent]:
    while waiting:
        worker = next((worker for worker in pool if worker.attempt is None), None)
        if worker is None and len(pool) < num_workers:
            worker = _Worker(waiting[0].job.rollout, work)
            pool.append(worker)
        if worker is None:
            return
        attempt = waiting.popleft()
        attempt.result.state = "running"
        attempt.result.attempts += 1
        write_result(attempt.job.rollout.out, attempt.result)
        worker.start(attempt)
        yield BatchEvent(attempt.job, attempt.result)


def _receive(worker: _Worker, waiting: deque[_Attempt], pool: list[_Worker]) -> Iterator[BatchEvent]:
    try:
        message = worker.connection.recv()
    except (EOFError, OSError):
        yield from _give_up(worker, worker.death(), waiting, pool)
        return
    attempt = worker.attempt
    if isinstance(message, _Timed):
        worker.heard_at = time.monotonic()
        started_s = worker.heard_at - worker.started_at
        _count(attempt, _Timed(message.event, started_s) if isinstance(message.event, Opened) else message)
        yield BatchEvent(attempt.job, attempt.result, message.event)
        return
    worker.attempt = None
    yield from _ended(attempt, message, waiting)


def _give_up(worker: _Worker, error: str, waiting: deque[_Attempt], pool: list[_Worker]) -> Iterator[BatchEvent]:
    attempt = worker.attempt
    worker.stop()
    pool.remove(worker)
    yield from _ended(attempt, _Ended(error, again=True), waiting)


def _ended(attempt: _Attempt, ended: _Ended, waiting: deque[_Attempt]) -> Iterator[BatchEvent]:
    result = attempt.result
    result.error = ended.error
    if ended.error is None:
        result.state = "done"
    elif ended.again and attempt.retries:
        result.state = "waiting"
        attempt.retries -= 1
        waiting.append(attempt)
    else:
        result.state = "failed"
    write_result(attempt.job.rollout.out, result)
    yield BatchEvent(attempt.job, result)


def _count(attempt: _Attempt, timed: _Timed) -> None:
    event, result = timed.event, attempt.result
    match event:
        case Progress():
            result.add_time(event.future, event.stage, timed.seconds)
        case Committed():
            result.add_time(event.future, "commit", timed.seconds)
            result.windows += 1
            result.frames += event.frames
            write_result(attempt.job.rollout.out, result)
        case Opened():
            result.add_time(None, "start", timed.seconds)
        case PreviewWritten():
            result.add_time(event.future, "previews", timed.seconds)


class _Worker:
    """A process that does one job at a time."""

    def __init__(self, first: RolloutJob, work: Work | None) -> None:
        context = multiprocessing.get_context("spawn" if work is None else "fork")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, first, work), daemon=True)
        self.process.start()
        theirs.close()
        self.attempt: _Attempt | None = None
        self.started_at = self.heard_at = time.monotonic()

    def start(self, attempt: _Attempt) -> None:
        """Hands it a job; a worker that died shows when its answer is read."""
        self.attempt = attempt
        self.started_at = self.heard_at = time.monotonic()
        try:
            self.connection.send(attempt.job.rollout)
        except OSError:
            return

    def deadline(self, limits: Limits) -> float:
        """When to look again whether the job takes too long."""
        whole = float("inf") if limits.job_seconds is None else self.started_at + limits.job_seconds
        return min(whole, self.heard_at + limits.silent_seconds)

    def overdue(self, limits: Limits) -> str | None:
        """Why the job is to be given up now, if it is."""
        now = time.monotonic()
        if limits.job_seconds is not None and now >= self.started_at + limits.job_seconds:
            return f"took longer than the time limit of {limits.job_seconds:g} s"
        if now >= self.heard_at + limits.silent_seconds:
            return f"made no step for {limits.silent_seconds:g} s"
        return None

    def death(self) -> str:
        """How the process ended."""
        self.process.join()
        code = self.process.exitcode
        if code >= 0:
            return f"its worker process ended with exit code {code}"
        hint = " (memory may be short)" if code == -signal.SIGKILL else ""
        return f"its worker process was ended by signal {signal.Signals(-code).name}{hint}"

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, first: RolloutJob, work: Work | None) -> None:
    """The life of a worker: jobs in, events out, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    work = _engine_work(first) if work is None else work
    try:
        while True:
            connection.send(_outcome(connection, connection.recv(), work))
    except (EOFError, OSError):
        return


def _engine_work(first: RolloutJob) -> Work:
    """Work with an engine that is loaded once, in a process with a fixed number of threads."""
    import torch

    torch.set_num_threads(first.threads)
    engine: Engine | None = None

    def work(job: RolloutJob) -> Iterator[JobEvent]:
        nonlocal engine
        engine = engine or Engine.load(job.checkpoints, job.device)
        return run_rollout(job, engine)

    return work


def _outcome(connection: Connection, job: RolloutJob, work: Work) -> _Ended:
    clock = time.monotonic()
    try:
        for event in work(job):
            now = time.monotonic()
            connection.send(_Timed(event, now - clock))
            clock = time.monotonic()
    except (InputError, ArchiveLockedError) as error:
        return _Ended(str(error), again=isinstance(error, ArchiveLockedError))
    except DrivesimError as error:
        return _Ended(str(error), again=error.exit_code == 1)
    except ConnectionError:
        raise
    except Exception as error:  # whatever it is, it must not end the batch
        text = " ".join(str(error).split())[:300]
        return _Ended(f"{type(error).__name__}: {text}", again=True)
    return _Ended()
