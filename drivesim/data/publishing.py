"""Publishing of folders that are either complete or missing and are made by one process at a time.

    with Claim.acquire(folder) as claim:      # raises LockHeldError if another process is making the folder
        (claim.start() / "file").write_bytes(...)
        claim.publish()

A folder is filled under a hidden name beside it, `.<name>.partial`, synced, and renamed. The right to make it is a lock
with an owner, `.<name>.lock`, which exists as long as the hidden folder does: `sweep` finds what a killed process has
left by its lock, and removes it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from drivesim import durable
from drivesim.errors import FootageError, FootageWriteError, LockHeldError
from drivesim.locks import OwnedLock

_WRONG_PLACE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


class Claim:
    """The right of this process to make, replace or remove one folder; a context manager that `acquire` returns."""

    def __init__(self, folder: Path, lock: OwnedLock) -> None:
        self.folder = folder
        self._lock = lock
        self._partial = folder.with_name(f".{folder.name}.partial")

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Claims a folder, and makes its parent if it is missing.

        Raises:
            LockHeldError: Another process has claimed the folder.
            FootageWriteError: Nothing can be written.
        """
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            return cls(folder, OwnedLock.acquire(_lock_path(folder), folder))

    @classmethod
    def wait_for(cls, folder: Path, on_wait: Callable[[str], None]) -> Self:
        """Claims a folder after waiting for any other process, whose name goes to `on_wait`, to finish or to die."""
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            return cls(folder, OwnedLock.wait_for(_lock_path(folder), on_wait, folder))

    def start(self) -> Path:
        """Returns an empty hidden folder to fill."""
        with writing(self.folder):
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir()
        return self._partial

    def publish(self) -> None:
        """Gives the filled folder its name, after which it survives a loss of power."""
        with writing(self.folder):
            durable.sync_tree(self._partial)
            os.rename(self._partial, self.folder)
            durable.sync_folder(self.folder.parent)

    def discard(self) -> None:
        """Removes the folder; it loses its name first, so nobody sees it incomplete."""
        with writing(self.folder):
            shutil.rmtree(self._partial, ignore_errors=True)
            with suppress(FileNotFoundError):
                os.rename(self.folder, self._partial)
            shutil.rmtree(self._partial, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Gives up the claim and removes what was not published."""
        shutil.rmtree(self._partial, ignore_errors=True)
        self._lock.release()


def sweep(parent: Path) -> None:
    """Removes incomplete folders and locks that killed processes have left in `parent`, as far as it is writable."""
    if not parent.is_dir():
        return
    for name in sorted(_claimed_names(parent)):
        with suppress(LockHeldError, FootageError, FootageWriteError), Claim.acquire(parent / name):
            pass


def _claimed_names(parent: Path) -> set[str]:
    return {
        name[1:].removesuffix(".lock") for name in os.listdir(parent) if name.startswith(".") and name.endswith(".lock")
    }


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError of its block into a message that says what could not be written, why, and what to do.

    Raises:
        FootageError: The place cannot be written to.
        FootageWriteError: The disk is full or fails.
    """
    try:
        yield
    except FootageWriteError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _WRONG_PLACE:
            raise FootageError(f"{path}: cannot write footage here ({reason}); choose another folder") from error
        advice = durable.advice(error) or "what is complete is kept"
        raise FootageWriteError(f"{path}: {reason}; {advice}") from error
