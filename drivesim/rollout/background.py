"""A rollout in a separate process, so that its caller stays responsive and can end it at any time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection

from drivesim.errors import DrivesimError
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import JobEvent, run_rollout
from drivesim.rollout.workers import end_with_parent


class BackgroundRollout:
    """A job in another process, which starts at once and ends with this one.

    Windows that were committed before `cancel` stay valid; the same job continues after them.
    """

    def __init__(self, job: RolloutJob) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe(duplex=False)
        self._cancelled = threading.Event()
        self._process = context.Process(target=_run, args=(theirs, job))
        self._process.start()
        theirs.close()

    def events(self) -> Iterator[JobEvent]:
        """Yields the events of `run_rollout` as they happen; ends without an error if the job is cancelled.

        Raises:
            DrivesimError: The job has failed with this error, or its process has ended unexpectedly.
        """
        try:
            while (message := self._receive()) is not None:
                if isinstance(message, BaseException):
                    raise message
                yield message
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Ends the job and its workers at once. It may be called from any thread, and more than once."""
        self._cancelled.set()
        self._process.kill()
        self._process.join()

    def _receive(self) -> JobEvent | BaseException | None:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            if self._cancelled.is_set():
                return None
        self._process.join()
        raise DrivesimError(f"the rollout's process ended with exit code {self._process.exitcode}; start it again")


def _run(connection: Connection, job: RolloutJob) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        try:
            for event in run_rollout(job):
                connection.send(event)
            connection.send(None)
        except DrivesimError as error:
            connection.send(error)
        except (OSError, RuntimeError, MemoryError) as error:
            text = " ".join(str(error).split())[:300]
            connection.send(DrivesimError(f"the rollout failed: {type(error).__name__}: {text}"))
    connection.close()
    os._exit(0)  # ends without waiting for threads of libraries
