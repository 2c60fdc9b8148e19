"""A rollout in a process of its own: whoever started it stays responsive, and can end it at any moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection

from drivesim.errors import DrivesimError
from drivesim.rollout.job import JobEvent, RolloutJob, run_rollout
from drivesim.rollout.workers import end_with_parent


class BackgroundRollout:
    """Runs a job in another process, which starts at once and ends with this one.

    What was committed before `cancel` stays valid: the same job continues there.
    """

    def __init__(self, job: RolloutJob) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe(duplex=False)
        self._cancelled = threading.Event()
        self._process = context.Process(target=_run, args=(theirs, job))
        self._process.start()
        theirs.close()

    def events(self) -> Iterator[JobEvent]:
        """What `run_rollout` yields, as it happens; ends early, without an error, once the job is cancelled.

        Raises the DrivesimError of the job, or one that says how its process ended.
        """
        try:
            while (message := self._receive()) is not None:
                if isinstance(message, BaseException):
                    raise message
                yield message
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Ends the job and its workers now, whatever they are doing. May be called from any thread, and twice."""
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
    os._exit(0)  # without waiting for threads of libraries
