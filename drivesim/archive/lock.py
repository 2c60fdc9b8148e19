"""One writer an archive: a lock file beside it, `<name>.zarr.lock`, that names its holder.

The lock is the kernel's (flock), so it ends with the process however that ends; a file that a killed process left
behind holds nothing and is taken over. The text in it is for people: who holds, or held, the archive.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import logging
import os
import socket
from pathlib import Path

from drivesim.errors import ArchiveLockedError

logger = logging.getLogger(__name__)


class WriterLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._folder: int | None = None

    @classmethod
    def acquire(cls, archive: Path) -> WriterLock:
        """Take the lock of an archive.

        Raises ArchiveLockedError naming the holder, and OSError where no file can be made.
        """
        path = archive.with_name(archive.name + ".lock")
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            try:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise ArchiveLockedError(
                        f"{archive} is being written by {_read_owner(descriptor) or 'another process'}; "
                        "wait for it, or stop it and run the same command again"
                    ) from None
                if not _is_current(path, descriptor):  # its holder removed it between our open and our lock
                    os.close(descriptor)
                    continue
                if previous := _read_owner(descriptor):
                    logger.warning("%s: taking over the lock that %s left behind", archive, previous)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _describe_this_process().encode(), 0)
                return cls(path, descriptor)
            except BaseException:
                os.close(descriptor)
                raise

    def hold_folder(self, archive: Path) -> None:
        """Lock the archive's folder too: a lock file that somebody removes then lets no second writer in.

        Raises ArchiveLockedError where another writer holds it. Some file systems lock no folders (NFS): there the
        lock file has to do.
        """
        descriptor = os.open(archive, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ArchiveLockedError(
                f"{archive} is being written by a process whose lock file {self._path.name} was removed; wait for it, "
                "or stop it and run the same command again"
            ) from None
        except OSError:
            os.close(descriptor)
        else:
            self._folder = descriptor

    def release(self) -> None:
        """Remove the lock file and let go."""
        with contextlib.suppress(OSError):
            if _is_current(self._path, self._descriptor):
                os.unlink(self._path)
        if self._folder is not None:
            os.close(self._folder)
        os.close(self._descriptor)


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
