"""File operations that an archive stands on: durable writes, and reads that follow no link.

A write is a temporary file, fsync, rename; the caller then syncs the folder. After a crash at any instant
the file holds its old content or the new one, and at most a `.tmp` neighbour is left over, which the next
write of the same file replaces.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from drivesim.errors import ArchiveError, ArchiveWriteError

TEMPORARY_SUFFIX = ".tmp"


class FileProblem(ArchiveError):
    """One file of an archive cannot be used: `file` is its path inside the archive, `problem` says why."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem


class FileMissing(FileProblem):
    """The file does not exist."""

    def __init__(self, file: str) -> None:
        super().__init__(file, "the file is missing")


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is on disk, whole, once its folder is synced (`sync_folder`).

    Raises ArchiveWriteError (disk full, no permission, ...); the file then still holds what it held before.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        try:
            _write_and_sync(temporary, content)
            os.rename(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise write_error(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable: new files and renames in it survive a loss of power."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise write_error(folder, error) from error


def write_error(path: Path, error: OSError) -> ArchiveWriteError:
    """Put a failed write into words: what could not be written, why, and what to do."""
    reason = error.strerror or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ArchiveWriteError(f"{path}: {reason}; make room and run the same command again, it continues from here")
    return ArchiveWriteError(f"{path}: cannot be written ({reason}); what is committed so far is safe")


def read_file(root: Path, file: str, max_bytes: int) -> bytes:
    """Read `root/file` ("/" between folders) without following a link in any part below `root`.

    Raises FileMissing, or FileProblem for a link, a folder, a device, an unreadable file or one over `max_bytes`.
    """
    *folders, name = file.split("/")
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in folders:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
    except FileNotFoundError:
        raise FileMissing(file) from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise FileProblem(file, "it, or a folder on its path, is a symbolic link or not a folder") from None
        raise FileProblem(file, f"cannot be opened ({error.strerror})") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileProblem(file, "is not a regular file")
        if status.st_size > max_bytes:
            raise FileProblem(file, f"holds {status.st_size} bytes, more than the {max_bytes} that are possible")
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(max_bytes + 1)
    except OSError as error:
        raise FileProblem(file, f"cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)


def _write_and_sync(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
