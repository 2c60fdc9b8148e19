"""Locks with an owner: files that one process at a time holds, and that name their holder.

The lock is filelock's, which is the kernel's (flock): it ends with the process however that ends, and a file that a
killed process left behind holds nothing and is taken over. The text in the file is for people; it names the process
that holds the lock, or held it last.

    with OwnedLock.acquire(folder / ".pack.lock"):
        ...
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import logging
import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import filelock

from drivesim.errors import LockHeldError
from drivesim.escapes import escaped

logger = logging.getLogger(__name__)

_POLL_S = 0.2
_MAX_OWNER_BYTES = 500


class OwnedLock:
    """Held from `acquire` until `release`, the end of its `with` block, or the end of the process.

    It also ends when nothing refers to it any more. A process forked meanwhile does not hold it.
    """

    def __init__(self, path: Path, lock: filelock.FileLock, file: os.stat_result) -> None:
        self.path = path
        self._lock = lock
        self._file = file

    @classmethod
    def acquire(cls, path: Path, target: Path | None = None) -> Self:
        """Take the lock of the file `path`, which is made if need be.

        Args:
            path: The lock file. A link, or a file that has another name too, is left alone.
            target: What the lock protects, as messages name it; by default the file itself.

        Raises:
            LockHeldError: Another process holds the lock; the error names it.
            OSError: No file can be made, or the file system has no locks.
        """

        held: list[os.stat_result] = []

        def write_owner(descriptor: int) -> None:
            held.append(_require_own_file(path, descriptor))
            if previous := _as_owner(os.pread(descriptor, _MAX_OWNER_BYTES, 0)):
                logger.warning("%s: taking over the lock that %s left behind", target or path, previous)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _describe_this_process().encode(), 0)

        lock = filelock.FileLock(
            path, mode=0o644, blocking=False, thread_local=False, fallback_to_soft=False, on_acquired=write_owner
        )
        while not lock.is_locked:
            try:
                lock.acquire()
            except filelock.Timeout:
                owner = _read_owner(path)
                if owner is None:  # its holder let go and removed the file between filelock's open and its flock
                    continue
                raise LockHeldError(
                    f"{target or path} is being written by {owner}; "
                    "wait for it, or stop it and run the same command again",
                    owner,
                ) from None
        return cls(path, lock, held[-1])

    @classmethod
    def wait_for(cls, path: Path, on_wait: Callable[[str], None], target: Path | None = None) -> Self:
        """Take the lock as `acquire` does, but wait while another process holds it.

        Args:
            path: The lock file.
            on_wait: Called with the name of the holder, several times per second.
            target: What the lock protects, as messages name it.

        Raises:
            OSError: No file can be made, or the file system has no locks.
        """
        while True:
            try:
                return cls.acquire(path, target)
            except LockHeldError as error:
                on_wait(error.owner)
                time.sleep(_POLL_S)

    def release(self) -> None:
        """Remove the lock file and let go; a process that has just opened the file finds it removed and starts over."""
        with contextlib.suppress(OSError):
            if self._lock.is_locked and os.path.samestat(os.lstat(self.path), self._file):
                os.unlink(self.path)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _require_own_file(path: Path, descriptor: int) -> os.stat_result:
    """Return what an open lock file is; OSError for a device, a pipe, or a file that has a second name."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise OSError(errno.EINVAL, "the lock file is no file of its own; remove it", str(path))
    return status


def _describe_this_process() -> str:
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} on {socket.gethostname()} since {started}\n"


def _read_owner(path: Path) -> str | None:
    """Return the holder that a lock file names, None where there is no such file any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        return "another process"
    with open(descriptor, "rb") as stream:
        return _as_owner(stream.read(_MAX_OWNER_BYTES)) or "another process"


def _as_owner(content: bytes) -> str:
    """Return the text of a lock file in one line, without characters that would steer a terminal."""
    return escaped(" ".join(content.decode(errors="replace").split()))
