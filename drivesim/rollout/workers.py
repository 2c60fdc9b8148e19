"""Worker processes that predict and render windows, and the order in which they get them.

The keyframes of a future are a chain, each window standing on the one before. Its frames are not: a window can be
rendered as soon as its keyframes are there. So even a single future keeps all workers busy, and as each task
depends on its arguments alone, in a process with a fixed number of threads, the number of workers changes no bit.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np

from drivesim.allocator import keep_freed_memory
from drivesim.engine import Engine, EngineSettings, Predicted, StageDone, Timeline
from drivesim.errors import DrivesimError
from drivesim.rollout.arithmetic import fix_arithmetic
from drivesim.scenario import Scenario

_LOOKAHEAD = 2  # windows beyond one a worker whose keyframes are made before their turn to be rendered
_PREDICTED = 0.15  # of a window's work


@dataclass(frozen=True)
class WorkerSpec:
    """What every task of a rollout has in common.

    threads: of each worker; the bits depend on it. frames: whether windows are rendered, or only predicted.
    """

    checkpoints: Path
    scenario: Scenario
    seed: int
    settings: EngineSettings
    device: str = "cpu"
    threads: int = 1
    frames: bool = True


@dataclass(frozen=True)
class FutureStart:
    """A future that is to be made from `window` on; `previous` are the latents of the window before, None for 0.

    known: the keyframes of `window` and of all after it, where they are only to be rendered.
    """

    future: int
    window: int
    previous: np.ndarray | None
    known: tuple[Predicted, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far a window of a future is: the stage that is done and the fraction of the window's work."""

    future: int
    window: int
    stage: str
    fraction: float


@dataclass(frozen=True)
class FutureWindow:
    """A finished window of a future, in order: its keyframes, and `frames` `t h w c`, None if not asked for."""

    future: int
    window: int
    predicted: Predicted
    frames: np.ndarray | None


@dataclass(frozen=True)
class _Task:
    """Predict a window where `predicted` is None, else render it."""

    future: int
    window: int
    previous: np.ndarray | None
    predicted: Predicted | None = None


@dataclass
class _Unfinished:
    """A window that is being rendered."""

    predicted: Predicted
    blocks: list[np.ndarray] = field(default_factory=list)
    complete: bool = False


class _Schedule:
    """Which task comes next, and which windows are ready to leave, in order."""

    def __init__(self, starts: list[FutureStart], num_windows: int, num_workers: int, frames: bool) -> None:
        self.num_windows = num_windows
        self.frames = frames
        self.max_unfinished = num_workers + _LOOKAHEAD
        self.predictions = [_Task(start.future, start.window, start.previous) for start in starts if not start.known]
        self.renderings: list[_Task] = []
        self.unfinished: dict[tuple[int, int], _Unfinished] = {}
        for start in starts:
            previous = start.previous
            for window, predicted in enumerate(start.known, start.window):
                self._render(_Task(start.future, window, previous, predicted))
                previous = predicted.latents
        self.next_window = {start.future: start.window for start in starts}

    def next_task(self) -> _Task | None:
        """Keyframes first, as renderings wait for them, unless too many windows are unfinished."""
        if self.predictions and (not self.renderings or len(self.unfinished) < self.max_unfinished):
            return self.predictions.pop(0)
        return self.renderings.pop(0) if self.renderings else None

    def predicted(self, task: _Task, predicted: Predicted) -> Iterator[FutureWindow]:
        """The window can be rendered, or is done where no frames are asked for, and the next one predicted."""
        if task.window + 1 < self.num_windows:
            self.predictions.append(_Task(task.future, task.window + 1, predicted.latents))
        if self.frames:
            self._render(_Task(task.future, task.window, task.previous, predicted))
        else:
            yield FutureWindow(task.future, task.window, predicted, None)

    def _render(self, task: _Task) -> None:
        self.unfinished[task.future, task.window] = _Unfinished(task.predicted)
        self.renderings.append(task)

    def rendered(self, task: _Task) -> Iterator[FutureWindow]:
        """Windows whose turn it is."""
        self.unfinished[task.future, task.window].complete = True
        while (made := self.unfinished.get((task.future, self.next_window[task.future]))) and made.complete:
            window = self.next_window[task.future]
            del self.unfinished[task.future, window]
            self.next_window[task.future] += 1
            yield FutureWindow(task.future, window, made.predicted, np.concatenate(made.blocks))


def render_futures(
    spec: WorkerSpec, timeline: Timeline, starts: list[FutureStart], num_workers: int
) -> Iterator[Progress | FutureWindow]:
    """Makes what is missing of the futures in up to `num_workers` processes, which end with this generator.

    Raises the DrivesimError that a worker met, or one that says how a worker died.
    """
    schedule = _Schedule(
        [start for start in starts if start.window < timeline.num_windows],
        timeline.num_windows,
        num_workers,
        spec.frames,
    )
    num_tasks = len(schedule.predictions) * timeline.num_windows + len(schedule.renderings)
    if not num_tasks:
        return
    pool = [_Worker(spec) for _ in range(min(num_workers, num_tasks))]
    try:
        while True:
            for worker in pool:
                if worker.task is None and (task := schedule.next_task()):
                    worker.start(task)
            busy = {worker.connection: worker for worker in pool if worker.task is not None}
            if not busy:
                return
            for connection in wait(list(busy)):
                yield from _handle(busy[connection], schedule)
    finally:
        for worker in pool:
            worker.stop()


def render_here(
    engine: Engine, spec: WorkerSpec, timeline: Timeline, starts: list[FutureStart]
) -> Iterator[Progress | FutureWindow]:
    """What `render_futures` makes, in this process, one future after another."""
    for start in starts:
        future, latents = start.future, start.previous
        common = (spec.seed, future, spec.settings)
        for window in range(start.window, timeline.num_windows):
            previous = latents
            if start.known:
                predicted = start.known[window - start.window]
            else:
                predicted = engine.predict(spec.scenario, window, previous, *common)
                yield Progress(future, window, "predict", _PREDICTED)
            latents = predicted.latents
            if not spec.frames:
                yield FutureWindow(future, window, predicted, None)
                continue
            blocks = []
            for step in engine.render(spec.scenario, window, latents, previous, *common):
                if step.frames is not None:
                    blocks.append(step.frames)
                yield Progress(future, window, step.stage, step.fraction)
            yield FutureWindow(future, window, predicted, np.concatenate(blocks))


def _handle(worker: _Worker, schedule: _Schedule) -> Iterator[Progress | FutureWindow]:
    task, message = worker.task, worker.receive()
    match message:
        case StageDone():
            if message.frames is not None:
                schedule.unfinished[task.future, task.window].blocks.append(message.frames)
            yield Progress(task.future, task.window, message.stage, message.fraction)
        case Predicted():
            worker.task = None
            yield Progress(task.future, task.window, "predict", _PREDICTED)
            yield from schedule.predicted(task, message)
        case None:
            worker.task = None
            yield from schedule.rendered(task)


class _Worker:
    """A process that does one task at a time."""

    def __init__(self, spec: WorkerSpec) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, spec), daemon=True)
        self.process.start()
        theirs.close()
        self.task: _Task | None = None

    def start(self, task: _Task) -> None:
        """Hands it a task; answers come by `receive`."""
        self.task = task
        try:
            self.connection.send(task)
        except OSError:
            raise self._death() from None

    def receive(self) -> StageDone | Predicted | None:
        """A step of rendering, a prediction, or None at the end of a rendering."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(message, BaseException):
            raise message
        return message

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _death(self) -> DrivesimError:
        self.process.join()
        code = self.process.exitcode
        how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        hint = "; memory may be short, try --workers 1" if code == -signal.SIGKILL else ""
        return DrivesimError(f"a worker process {how}{hint}; run the same command again, it continues")


def _serve(connection: Connection, spec: WorkerSpec) -> None:
    """The life of a worker: tasks in, results out, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    keep_freed_memory()
    fix_arithmetic(spec.threads)
    try:
        engine = Engine.load(spec.checkpoints, spec.device)
        while True:
            task = connection.recv()
            common = (spec.seed, task.future, spec.settings)
            if task.predicted is None:
                connection.send(engine.predict(spec.scenario, task.window, task.previous, *common))
                continue
            for step in engine.render(spec.scenario, task.window, task.predicted.latents, task.previous, *common):
                connection.send(step)
            connection.send(None)
    except (EOFError, BrokenPipeError):
        return
    except DrivesimError as error:
        connection.send(error)
    except (RuntimeError, MemoryError) as error:
        text = " ".join(str(error).split())[:300]
        connection.send(DrivesimError(f"a worker process failed: {type(error).__name__}: {text}"))


def end_with_parent() -> None:
    """Ends this process as soon as its parent is gone, however that ended."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
