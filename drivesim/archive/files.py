"""The file operations of an archive: durable writes, and reads that follow no link.

A write is a temporary file, fsync, rename; the caller then syncs the folder (`drivesim.durable`). After a crash at any
instant the file holds its old content or the new one, and at most a `.tmp` neighbour is left over, which the next write
of the same file replaces.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drivesim import durable
from drivesim.errors import ArchiveError, ArchiveWriteError

TEMPORARY_SUFFIX = ".tmp"


class FileProblem(ArchiveError):
    """A file of an archive cannot be used: `file` is its path inside the archive, `problem` says why."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem


class FileMissing(FileProblem):
    """The file does not exist."""

    def __init__(self, file: str) -> None:
        super().__init__(file, "the file is missing")


class ArchiveFiles(Protocol):
    """The place from which the files of an archive are read: a folder of this machine, or object storage."""

    @property
    def name(self) -> str:
        """The path or URL of the archive, as messages show it."""

    def read(self, file: str, max_bytes: int) -> bytes:
        """Returns the content of a file; `file` has "/" between folders.

        Raises:
            FileMissing: There is no such file.
            FileProblem: It cannot be used, or holds more than `max_bytes`.
        """

    def list(self, folder: str) -> set[str] | None:
        """Returns the names in a folder, or no names if there is no such folder; None if the storage cannot list."""


@dataclass(frozen=True)
class LocalFiles:
    """The files of an archive in a folder of this machine."""

    path: Path

    @property
    def name(self) -> str:
        """The path of the folder."""
        return str(self.path)

    def read(self, file: str, max_bytes: int) -> bytes:
        """Returns the content of a file, without following a link inside the archive (see `ArchiveFiles`)."""
        return read_file(self.path, file, max_bytes)

    def list(self, folder: str) -> set[str]:
        """Returns the names in a folder, none where there is no such folder."""
        try:
            return set(os.listdir(self.path / folder))
        except OSError:
            return set()


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Writes a file so that it is on disk, whole, once its folder is synced (`sync_folder`).

    Raises:
        ArchiveWriteError: The disk is full, there is no permission, and the like; the file holds what it held before.
    """
    try:
        durable.write_file(path, content, suffix=TEMPORARY_SUFFIX)
    except OSError as error:
        raise write_error(path, error) from error


def sync_folder(folder: Path) -> None:
    """Makes the folder's entries durable: new files and renames in it survive a loss of power.

    Raises:
        ArchiveWriteError: The folder cannot be synced.
    """
    try:
        durable.sync_folder(folder)
    except OSError as error:
        raise write_error(folder, error) from error


def write_error(path: Path, error: OSError) -> ArchiveWriteError:
    """Returns the error that says what could not be written, why, and what to do."""
    reason = error.strerror or type(error).__name__
    if (advice := durable.advice(error)) is not None:
        return ArchiveWriteError(f"{path}: {reason}; {advice}")
    return ArchiveWriteError(f"{path}: cannot be written ({reason}); what is committed so far is safe")


def read_file(root: Path, file: str, max_bytes: int) -> bytes:
    """Returns the content of `root/file` ("/" between folders) without following a link in any part below `root`.

    Raises:
        FileMissing: There is no such file.
        FileProblem: It is a link, a folder, a device or unreadable, or holds more than `max_bytes`.
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
