"""Durable writes: after a crash at any instant, a file holds its old content or the new one, whole.

A write is a temporary file, fsync, rename; the caller then syncs the folder once (`sync_folder`). At most the temporary
file is left over, which the next write of the same file replaces.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

ROOM_ADVICE = "make room and run the same command again; it continues from here"
"""What a user whose disk is full should do, for messages."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_out_of_room(error: OSError) -> bool:
    """Returns whether a write failed because the disk, the quota or the largest size of a file is exhausted."""
    return error.errno in _NO_ROOM


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
        try:
            _write_and_sync(temporary, parts)
            os.rename(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        error.filename = str(path)
        raise


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
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_and_sync(path: Path, parts: tuple[bytes | memoryview, ...]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
