"""Records many drive logs with several processes; the same session again goes on where the last one stopped."""

from __future__ import annotations

import multiprocessing
import os
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import DrivesimError, FootageError
from drivesim.world.recorder import Recipe, log_name

_POLL_S = 0.5
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class RecordSession:
    """Which logs to record: seeds from `first_seed` on, dealt out to the workers by stride.

    It ends after `num_logs` logs or `minutes` minutes, whichever comes first; a log under way is finished.
    """

    folder: Path
    recipe: Recipe
    first_seed: int
    num_logs: int | None = None
    minutes: float | None = None
    num_workers: int = 2
    supersample: int = 1

    def __post_init__(self) -> None:
        if self.num_logs is None and self.minutes is None:
            raise FootageError("nothing says when the recording ends: give a number of logs, or minutes")
        if self.num_workers < 1 or (self.num_logs or 1) < 1 or (self.minutes is not None and self.minutes <= 0):
            raise FootageError("workers, logs and minutes must be positive")
        if self.recipe.num_frames < 1 or not 0 < self.recipe.fps <= 240:
            raise FootageError("a drive log needs at least one frame, and a frame rate above 0 and up to 240")


@dataclass(frozen=True)
class LogRecorded:
    """One drive log is whole."""

    seed: int
    num_frames: int
    existed: bool
    """It was there from an earlier session."""


def run_session(session: RecordSession) -> Iterator[LogRecorded]:
    """Records the logs of a session, yielding each as it is done.

    Raises `FootageError` where the folder cannot be written, and `DrivesimError` where a worker failed; the whole
    logs stay.
    """
    try:
        session.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FootageError(f"{session.folder}: cannot write drive logs here: {error.strerror}") from error
    deadline = None if session.minutes is None else time.time() + 60 * session.minutes
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    workers = [
        context.Process(target=_work, args=(session, number, deadline, reports), daemon=True)
        for number in range(session.num_workers)
    ]
    try:
        for worker in workers:
            worker.start()
        yield from _collect(workers, reports)
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _collect(workers: list, reports: multiprocessing.Queue) -> Iterator[LogRecorded]:
    """The workers' reports until all have ended."""
    failure = None
    while True:
        running = any(worker.is_alive() for worker in workers)
        try:
            while True:
                report = reports.get(timeout=_POLL_S if running else 0.05)
                if isinstance(report, LogRecorded):
                    yield report
                else:
                    failure = failure or report
        except queue.Empty:
            if not running:
                break
    if failure is not None:
        raise failure
    codes = [worker.exitcode for worker in workers if worker.exitcode]
    if codes:
        raise DrivesimError(f"{len(codes)} recording worker(s) ended with exit code {codes[0]}; run the command again")


def _work(session: RecordSession, number: int, deadline: float | None, reports: multiprocessing.Queue) -> None:
    """One worker process: every `num_workers`-th seed, with a renderer of its own."""
    try:
        for existed, seed in _record_seeds(session, number, deadline):
            reports.put(LogRecorded(seed, session.recipe.num_frames, existed))
    except DrivesimError as error:
        reports.put(error)
    except KeyboardInterrupt:
        return


def _record_seeds(session: RecordSession, number: int, deadline: float | None) -> Iterator[tuple[bool, int]]:
    import cv2

    from drivesim.world.recorder import record_drive_log
    from drivesim.world.renderer import Renderer

    cv2.setNumThreads(1)
    recipe, renderer = session.recipe, None
    seed, parent = session.first_seed + number, multiprocessing.parent_process()
    while session.num_logs is None or seed < session.first_seed + session.num_logs:
        folder = session.folder / log_name(seed)
        existed = folder.exists()
        if not existed:
            overdue = deadline is not None and time.time() >= deadline
            if overdue or parent is None or not parent.is_alive():
                return
            renderer = renderer or Renderer(recipe.width, recipe.height, session.supersample)
            record_drive_log(seed, recipe, folder, renderer)
        yield existed, seed
        seed += session.num_workers
