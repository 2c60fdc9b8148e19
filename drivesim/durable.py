"""Durable writes: after a crash at any instant, a file holds its old content or the new one, whole.

A write is a temporary file, fsync, rename; the caller then syncs the folder once (`sync_folder`). At most the temporary
file is left over, which the next write of the same file replaces.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from drivesim.errors import ArchiveWriteError, DrivesimError, InputError
from drivesim.regular_files import create_own, require_replaceable

_ROOM_ADVICE = "make room and run the same command again; it continues from here"
_SYNC_ADVICE = (
    "this file system cannot make files durable, as some network and cloud file systems cannot; write to a folder on a "
    "local disk and copy the result afterwards"
)
_FAILING_ADVICE = "check the disk or the network file system, then run the same command again"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SyncError(OSError):
    """A file system did not sync a file or a folder to disk."""


def advice(error: OSError) -> str | None:
    """Returns what a user can do about a failed write, for messages; None if the cause is another one.

    The causes are a disk, a quota or a largest size of a file that is exhausted, and a file system that does not sync.
    """
    if error.errno in _NO_ROOM:
        return _ROOM_ADVICE
    if error.errno == errno.EIO:
        return _FAILING_ADVICE
    return _SYNC_ADVICE if isinstance(error, SyncError) else None


def unwritable(
    place: Path, error: OSError, reason: str = "cannot be written here", option: str = "--out"
) -> DrivesimError:
    """Returns the error of a file or folder that cannot be made.

    It is the machine's error if the disk is full or fails, and else the user's.
    """
    cause = error.strerror or type(error).__name__
    if (help_with := advice(error)) is not None:
        return ArchiveWriteError(f"{place}: {reason} ({cause}); {help_with}")
    return InputError(f"{place}: {reason} ({cause}); choose another {option}")


def write_file(path: Path, *parts: bytes | memoryview, suffix: str = ".tmp") -> None:
    """Writes a file so that it is complete on disk once its folder is synced.

    Args:
        path: the file.
        parts: its content, in order.
        suffix: what the name of the temporary file adds to the name of the file.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; it holds what it held before.
    """
    temporary = path.with_name(path.name + suffix)
    try:
        require_replaceable(path)
        try:
            _write_and_sync(temporary, parts)
            os.rename(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        error.filename = str(path)
        raise


def write_new_files(contents: dict[Path, bytes]) -> None:
    """Writes files that are not there yet, without syncing them; after an error none of them is there.

    Raises:
        InputError: One of them exists, or cannot be written at its place.
        ArchiveWriteError: The disk is full or fails.
    """
    made: list[Path] = []
    try:
        for path, content in contents.items():
            with path.open("xb") as file:
                made.append(path)
                file.write(content)
    except OSError as error:
        for written in made:
            written.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise InputError(f"{path}: exists already; choose another name, or remove it") from error
        raise unwritable(path, error) from error


def write_changed_file(path: Path, content: bytes) -> None:
    """Writes a file and syncs its folder, unless the file has this content already; raises OSError."""
    if not path.is_file() or path.read_bytes() != content:
        write_file(path, content)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes new files and renames in a folder survive a loss of power; raises OSError."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(folder: Path) -> None:
    """Makes all files below a folder, and the folder itself, survive a loss of power; raises OSError."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            sync_tree(path)
        else:
            _sync(path, os.O_RDONLY)
    sync_folder(folder)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        _fsync(descriptor, path)
    finally:
        os.close(descriptor)


def _write_and_sync(path: Path, parts: tuple[bytes | memoryview, ...]) -> None:
    descriptor = create_own(path)
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view) :]
        _fsync(descriptor, path)
    finally:
        os.close(descriptor)


def _fsync(descriptor: int, path: Path) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise SyncError(error.errno, f"cannot be synced to disk ({error.strerror})", str(path)) from error
