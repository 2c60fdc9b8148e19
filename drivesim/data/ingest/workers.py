"""Child processes with limits that convert recordings, so that no single file can end the ingest.

A process converts one recording after another, within a limit on its memory and on the time between two frames. If it
dies or stalls, its recording is rejected and another process takes its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from drivesim.data.ingest.recording import Recording
from drivesim.data.ingest.settings import IngestSettings
from drivesim.errors import DrivesimError, FootageError, InputError, LockHeldError

MAX_MEMORY_BYTES = 4 << 30
"""Limit on the address space beyond that with which a process begins."""
STALL_S = 60.0
"""Longest time that a process may work without using a frame."""
_START_S = 120.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Failed:
    """A recording that cannot be used, and the reason."""

    reason: str


class IngestWorkers:
    """A pool of processes; a context manager that ends them.

        with IngestWorkers(out, settings, 2) as workers:
            for recording, event in workers.run(recordings):      # events of conversion, or Failed
                ...

    Raises:
        DrivesimError: The cause is not a recording: a network of the user fails, or the disk is full.
    """

    def __init__(self, out: Path, settings: IngestSettings, num_workers: int) -> None:
        self._out, self._settings = out, settings
        self._free = deque(range(num_workers))
        self._busy: dict[Connection, _Worker] = {}
        self._idle: list[_Worker] = []

    def __enter__(self) -> IngestWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (*self._busy.values(), *self._idle):
            worker.end()
        self._busy, self._idle = {}, []

    def run(self, recordings: Iterable[Recording]) -> Iterator[tuple[Recording, Any]]:
        """Converts recordings, which are taken from the iterable as processes become free, and yields the events."""
        waiting = iter(recordings)
        while True:
            self._deal_out(waiting)
            if not self._busy:
                return
            for connection in wait(list(self._busy), timeout=1.0):
                assert isinstance(connection, Connection), "nothing else is waited for"
                yield from self._received(self._busy[connection])
            for worker in list(self._busy.values()):
                if time.monotonic() > worker.deadline:
                    yield self._lost(worker, f"took more than {STALL_S:g} s for one frame")

    def _deal_out(self, waiting: Iterator[Recording]) -> None:
        while self._idle or self._free:
            recording = next(waiting, None)
            if recording is None:
                return
            if self._idle:
                worker = self._idle.pop()
            else:
                self._free.popleft()
                worker = _Worker(self._out, self._settings)
            worker.begin(recording, _START_S + STALL_S)
            self._busy[worker.connection] = worker

    def _received(self, worker: _Worker) -> Iterator[tuple[Recording, Any]]:
        from drivesim.data.ingest.conversion.conversion import Converted

        recording = worker.recording
        try:
            event = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            yield self._lost(worker, f"ended its process ({worker.how_it_ended()})")
            return
        if isinstance(event, DrivesimError):
            raise event
        worker.deadline = time.monotonic() + STALL_S
        if isinstance(event, Converted | Failed):
            self._idle.append(self._busy.pop(worker.connection))
        yield recording, event

    def _lost(self, worker: _Worker, reason: str) -> tuple[Recording, Failed]:
        del self._busy[worker.connection]
        worker.end()
        self._free.append(0)
        return worker.recording, Failed(reason)


class _Worker:
    """One process and the recording that it is converting."""

    recording: Recording
    deadline: float

    def __init__(self, out: Path, settings: IngestSettings) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # Not a daemon, because the networks of the user run in child processes of this one. It ends with the pipe.
        self._process = context.Process(target=_serve, args=(theirs, out, settings))
        before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
        try:
            self._process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()

    def begin(self, recording: Recording, limit_s: float) -> None:
        """Sends a recording to the process."""
        self.recording, self.deadline = recording, time.monotonic() + limit_s
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `recv` finds out the reason
            self.connection.send(recording)

    def how_it_ended(self) -> str:
        """Describes how the process ended, once the pipe is closed."""
        self._process.join(5)
        code = self._process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"

    def end(self) -> None:
        """Ends the process at once."""
        self.connection.close()
        self._process.kill()
        self._process.join()


def _serve(connection: Connection, out: Path, settings: IngestSettings) -> None:
    """Converts each recording that arrives and sends the events; runs in the child process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2

    from drivesim.data.ingest.conversion.conversion import convert
    from drivesim.data.ingest.conversion.tools import Tools

    cv2.setNumThreads(1)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        try:
            with Tools.of(settings) as tools:
                _limit()
                while True:
                    recording = connection.recv()
                    try:
                        for event in convert(recording, out, tools):
                            connection.send(event)
                    except (FootageError, LockHeldError) as error:
                        connection.send(Failed(str(error)))
                    except DrivesimError:
                        raise
                    except MemoryError:
                        connection.send(Failed(f"needs more memory than the {MAX_MEMORY_BYTES >> 30} GiB it may take"))
                    except Exception as error:  # of a decoder or of the user's function; others go on
                        connection.send(Failed(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))
        except DrivesimError as error:
            connection.send(error if _travels(error) else InputError(str(error)))


def _travels(error: DrivesimError) -> bool:
    """Returns whether an error survives pickling unchanged, as errors with one argument do."""
    return len(error.args) == 1


def _limit() -> None:
    """Bounds the memory of this process, silences what decoders write to stderr, and leaves no core file behind."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):  # not available on every system
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (taken + MAX_MEMORY_BYTES, resource.RLIM_INFINITY))
