"""Worker processes that predict and render windows.

Each task depends on its arguments alone, and each process computes with a fixed number of threads, so the number of
workers changes no bit. What is done next is decided by `drivesim.engine.Schedule`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from drivesim.allocator import keep_freed_memory
from drivesim.engine import (
    Engine,
    EngineSettings,
    FutureStart,
    Predicted,
    Progress,
    Schedule,
    Step,
    Task,
    Timeline,
    Window,
    make_windows,
)
from drivesim.errors import DrivesimError
from drivesim.rollout.arithmetic import fix_arithmetic
from drivesim.scenario import Scenario

SILENCE_LIMIT_S = 1800.0
"""A worker that makes no step for so long counts as hanging; somebody may have stopped it."""
_LOOKAHEAD = 2  # windows beyond one per worker whose keyframes are made before their turn to be rendered
_END_S = 5.0  # that a process has to end by itself once its connection is closed


@dataclass(frozen=True)
class WorkerSpec:
    """What all tasks of a rollout have in common.

    Attributes:
        checkpoints: folder of the models.
        scenario: what the futures show.
        seed: seed of the run.
        settings: how the futures are sampled.
        device: where the networks run, `cpu` or `cuda`.
        threads: number of CPU threads per worker; the bits depend on it.
        with_frames: whether windows are rendered, or only their keyframes predicted.
    """

    checkpoints: Path
    scenario: Scenario
    seed: int
    settings: EngineSettings
    device: str = "cpu"
    threads: int = 1
    with_frames: bool = True


def windows_from_workers(
    spec: WorkerSpec, timeline: Timeline, starts: list[FutureStart], num_workers: int
) -> Iterator[Progress | Window]:
    """Makes the windows of futures in up to `num_workers` processes, which end with this generator.

    Raises:
        DrivesimError: a worker met it, died, or made no step for `SILENCE_LIMIT_S`.
    """
    schedule = Schedule(starts, timeline.num_windows, num_workers + _LOOKAHEAD, spec.with_frames)
    if not schedule.max_tasks:
        return
    pool = _Pool(spec, min(num_workers, schedule.max_tasks))
    try:
        yield from make_windows(schedule, pool.steps)
    finally:
        pool.stop()


def how_it_ended(process: multiprocessing.process.BaseProcess) -> tuple[int, str]:
    """Returns the exit code of a worker whose connection is closed, and the same in words.

    The process is killed if it does not end by itself.
    """
    process.join(_END_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    code = process.exitcode or 0
    return code, f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def end_with_parent() -> None:
    """Ends this process as soon as its parent is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class _Pool:
    """Worker processes for the tasks of one schedule."""

    def __init__(self, spec: WorkerSpec, size: int) -> None:
        self._workers = [_WindowWorker(spec) for _ in range(size)]

    def steps(self, schedule: Schedule) -> Iterator[tuple[Task, Step]]:
        """Keeps all workers busy as far as the schedule has tasks, and yields their steps as they come."""
        while True:
            for worker in self._workers:
                if worker.task is None and (task := schedule.next_task()):
                    worker.start(task)
            busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
            if not busy:
                return
            began_s = time.monotonic()
            ready = wait(list(busy), max(0.0, SILENCE_LIMIT_S - max(worker.silent_s for worker in busy.values())))
            waited_s = time.monotonic() - began_s
            for connection, worker in busy.items():
                if connection in ready:
                    yield worker.receive()
                else:
                    worker.wait_no_more_than(SILENCE_LIMIT_S, waited_s)

    def stop(self) -> None:
        """Ends all workers, whatever they are doing."""
        for worker in self._workers:
            worker.stop()


class _WindowWorker:
    """A process that does one task at a time."""

    def __init__(self, spec: WorkerSpec) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, spec), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.silent_s = 0.0  # spent waiting for it since its last step

    def start(self, task: Task) -> None:
        """Hands it a task; answers come by `receive`."""
        self.task, self.silent_s = task, 0.0
        try:
            self.connection.send(task)
        except OSError:
            raise self._death() from None

    def receive(self) -> tuple[Task, Step]:
        """Returns the task and its next step; the worker is idle after the last step."""
        try:
            message: Step | BaseException = self.connection.recv()
            self.silent_s = 0.0
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(message, BaseException):
            raise message
        task = self.task
        assert task is not None  # only a worker with a task sends
        if message is None or isinstance(message, Predicted):
            self.task = None
        return task, message

    def wait_no_more_than(self, limit_s: float, waited_s: float) -> None:
        """Counts time that was spent waiting for it; raises DrivesimError if that is as long as the limit."""
        self.silent_s += waited_s
        if self.silent_s >= limit_s:
            raise DrivesimError(
                f"a worker process made no step for {limit_s:g} s; run the same command again, it continues"
            )

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _death(self) -> DrivesimError:
        code, how = how_it_ended(self.process)
        hint = "; memory may be short, try --workers 1" if code == -signal.SIGKILL else ""
        return DrivesimError(f"a worker process {how}{hint}; run the same command again, it continues")


def _serve(connection: Connection, spec: WorkerSpec) -> None:
    """The life of a worker: it receives tasks and sends their steps until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    keep_freed_memory()
    fix_arithmetic(spec.threads)
    try:
        engine = Engine.load(spec.checkpoints, spec.device, spec.threads)
        while True:
            task: Task = connection.recv()
            for step in engine.future(spec.scenario, task.future, spec.seed, spec.settings).steps(task):
                connection.send(step)
    except (EOFError, BrokenPipeError):
        return
    except DrivesimError as error:
        connection.send(error)
    except (RuntimeError, MemoryError) as error:
        text = " ".join(str(error).split())[:300]
        connection.send(DrivesimError(f"a worker process failed: {type(error).__name__}: {text}"))
