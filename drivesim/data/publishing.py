"""Folders that exist whole or not at all, and that one process at a time makes.

    with Claim.acquire(folder) as claim:      # LockHeldError where another process makes it
        (claim.start() / "file").write_bytes(...)
        claim.publish()

A folder is made in a hidden neighbour, `.<name>.partial`, synced, and renamed into place. The right to make it is a
lock with an owner, `.<name>.lock`, which exists as long as the neighbour does: what a killed process left behind is
found by its lock and removed by `sweep`.
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
    """The right of this process to make, replace or remove one folder; a context manager, made by `acquire`."""

    def __init__(self, folder: Path, lock: OwnedLock) -> None:
        self.folder = folder
        self._lock = lock
        self._partial = folder.with_name(f".{folder.name}.partial")

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Claims a folder; its parent is made if need be.

        Raises LockHeldError where another process has claimed it, and FootageWriteError where nothing can be written.
        """
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            return cls(folder, OwnedLock.acquire(_lock_path(folder), folder))

    @classmethod
    def wait_for(cls, folder: Path, on_wait: Callable[[str], None]) -> Self:
        """As `acquire`, but waits for another process, whose name goes to `on_wait`, to finish or to die."""
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            return cls(folder, OwnedLock.wait_for(_lock_path(folder), on_wait, folder))

    def start(self) -> Path:
        """An empty hidden folder to fill."""
        with writing(self.folder):
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir()
        return self._partial

    def publish(self) -> None:
        """Gives the filled folder its name; from then on it survives a loss of power."""
        with writing(self.folder):
            durable.sync_tree(self._partial)
            os.rename(self._partial, self.folder)
            durable.sync_folder(self.folder.parent)

    def discard(self) -> None:
        """Removes the folder in one instant: it loses its name first."""
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
        """Gives the claim up; what was not published is removed."""
        shutil.rmtree(self._partial, ignore_errors=True)
        self._lock.release()


def sweep(parent: Path) -> None:
    """Removes what killed processes left in `parent`, as far as it can be written: half-filled folders and locks."""
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
    """Puts an OSError of its block into words: what could not be written, why, and what to do.

    Raises FootageError for a place that cannot be written to, FootageWriteError for a disk that is full or fails.
    """
    try:
        yield
    except FootageWriteError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _WRONG_PLACE:
            raise FootageError(f"{path}: cannot write footage here ({reason}); choose another folder") from error
        advice = durable.ROOM_ADVICE if durable.is_out_of_room(error) else "what is whole is kept"
        raise FootageWriteError(f"{path}: {reason}; {advice}") from error
