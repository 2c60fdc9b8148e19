"""Worker processes that record: they are started together, report what they have done, and can be stopped any time."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

from drivesim.errors import DrivesimError

_POLL_S = 0.5
_END_S = 20.0  # that a worker has to give up what it holds, before it is killed
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class RecordWorkers:
    """A context manager of processes with one thread each that run `work(number, *arguments)`.

        with RecordWorkers(work, arguments, 8) as workers:
            while workers.are_running:
                for report in workers.reports():      # does not wait, so training can continue
                    ...

    The processes are stopped at its end.

    Args:
        work: A function of a module that yields reports, which can be pickled.
        arguments: Arguments of `work` after the number of the worker.
        num_workers: Number of processes.
    """

    def __init__(self, work: Callable[..., Iterator[Any]], arguments: tuple[Any, ...], num_workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue: multiprocessing.Queue[Any] = context.Queue()
        self._failure: DrivesimError | None = None
        self._processes = [
            context.Process(target=_run, args=(work, number, arguments, self._queue), daemon=True)
            for number in range(num_workers)
        ]

    def __enter__(self) -> Self:
        before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
        try:
            for process in self._processes:
                process.start()
        except BaseException:
            self.__exit__()
            raise
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.is_alive():
                process.terminate()
        deadline = time.monotonic() + _END_S
        for process in self._processes:
            if process.pid is not None:
                process.join(max(0.0, deadline - time.monotonic()))
                if process.is_alive():  # stopped, or the exception was raised where Python ignores exceptions
                    process.kill()
                    process.join()

    @property
    def are_running(self) -> bool:
        return any(process.is_alive() for process in self._processes)

    def reports(self, wait_s: float = 0.0) -> Iterator[Any]:
        """Yields new reports, and waits up to `wait_s` for each further report.

        Raises:
            DrivesimError: All workers have ended, and one of them failed.
        """
        running = self.are_running
        with suppress(queue.Empty):
            while True:
                report = self._queue.get(timeout=max(wait_s if running else 0.0, 0.05))
                if isinstance(report, DrivesimError):
                    self._failure = self._failure or report
                else:
                    yield report
        if not running:
            self._raise_failure()

    def all_reports(self) -> Iterator[Any]:
        """Yields reports until all workers have ended; raises DrivesimError if one of them failed."""
        while True:
            running = self.are_running
            yield from self.reports(_POLL_S)
            if not running:
                return

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
        codes = [process.exitcode for process in self._processes if process.exitcode]
        if codes:
            raise DrivesimError(
                f"{len(codes)} recording worker(s) ended with exit code {codes[0]}; run the command again"
            )


def parent_is_alive() -> bool:
    """Returns whether the process that started this worker still runs; True in a process that is no worker."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


def _run(work: Callable[..., Iterator[Any]], number: int, arguments: tuple[Any, ...], reports: Any) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that a stopped worker gives up its claims
    try:
        for report in work(number, *arguments):
            reports.put(report)
    except DrivesimError as error:
        reports.put(error)
    except KeyboardInterrupt:
        return
