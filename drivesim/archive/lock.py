"""One writer per archive: a lock file beside it, `<name>.zarr.lock`, names its holder (see `drivesim.locks`)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from drivesim.errors import ArchiveLockedError, LockHeldError
from drivesim.locks import OwnedLock


class WriterLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, lock: OwnedLock) -> None:
        self._lock = lock
        self._folder: int | None = None

    @classmethod
    def acquire(cls, archive: Path) -> WriterLock:
        """Takes the lock of an archive.

        Raises:
            ArchiveLockedError: Another process holds the lock; the error names it.
            OSError: No file can be made, or the file system has no locks.
        """
        try:
            return cls(OwnedLock.acquire(archive.with_name(archive.name + ".lock"), archive))
        except LockHeldError as error:
            raise ArchiveLockedError(str(error)) from None

    def hold_folder(self, archive: Path) -> None:
        """Locks the archive's folder too, so that no second writer gets in when somebody removes the lock file.

        Some file systems cannot lock a folder (NFS); there the lock file alone has to do. filelock locks files only,
        so this is a flock of our own.

        Raises:
            ArchiveLockedError: Another writer holds the folder.
        """
        descriptor = os.open(archive, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ArchiveLockedError(
                f"{archive} is being written by a process whose lock file {self._lock.path.name} was removed; wait for "
                "it, or stop it and run the same command again"
            ) from None
        except OSError:
            os.close(descriptor)
        else:
            self._folder = descriptor

    def release(self) -> None:
        """Lets go of the folder, remove the lock file and let go of it."""
        if self._folder is not None:
            os.close(self._folder)
        self._lock.release()
