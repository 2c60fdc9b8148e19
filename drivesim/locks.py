"""Locks with an owner: files that one process at a time holds, and that name their holder.

The lock is one of the kernel (flock), so it ends with its process, however that ends. A file that a killed process left
behind locks nothing and is taken over. The text in the file tells people who holds, or held, the lock.

    with OwnedLock.acquire(folder / ".pack.lock"):
        ...
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from drivesim.errors import LockHeldError

logger = logging.getLogger(__name__)

_POLL_S = 0.2


class OwnedLock:
    """A lock that is held from `acquire` until `release`, the end of its `with` block, or the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path, target: Path | None = None) -> Self:
        """Takes a lock.

        Args:
            path: the lock file; it is created if it does not exist.
            target: what the lock protects, for messages; by default the lock file itself.

        Raises:
            LockHeldError: another process holds the lock; the message names it.
            OSError: the file cannot be created.
        """
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            try:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    owner = _read_owner(descriptor) or "another process"
                    raise LockHeldError(
                        f"{target or path} is being written by {owner}; "
                        "wait for it, or stop it and run the same command again",
                        owner,
                    ) from None
                if not _is_current(path, descriptor):  # its holder removed it between our open and our lock
                    os.close(descriptor)
                    continue
                if previous := _read_owner(descriptor):
                    logger.warning("%s: taking over the lock that %s left behind", target or path, previous)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _describe_this_process().encode(), 0)
                return cls(path, descriptor)
            except BaseException:
                os.close(descriptor)
                raise

    @classmethod
    def wait_for(cls, path: Path, on_wait: Callable[[str], None], target: Path | None = None) -> Self:
        """Takes a lock, and waits while another process holds it.

        Args:
            path: the lock file.
            on_wait: called again and again with a description of the process that is waited for.
            target: what the lock protects, for messages.

        Raises:
            OSError: the file cannot be created.
        """
        while True:
            try:
                return cls.acquire(path, target)
            except LockHeldError as error:
                on_wait(error.owner)
                time.sleep(_POLL_S)

    def release(self) -> None:
        """Removes the lock file and releases the lock."""
        with contextlib.suppress(OSError):
            if _is_current(self.path, self._descriptor):
                os.unlink(self.path)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _is_current(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _describe_this_process() -> str:
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} on {socket.gethostname()} since {started}\n"


def _read_owner(descriptor: int) -> str:
    return " ".join(os.pread(descriptor, 500, 0).decode(errors="replace").split())
