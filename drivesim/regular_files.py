"""Files at paths that somebody else chose: read only if they are regular files, written only in a place of their own.

A named pipe would block its reader for ever, a device would feed it for ever, and a temporary file that is a link would
overwrite what the link leads to. Every function raises OSError with a reason that a message can show.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path


def open_regular(path: str | Path) -> BufferedReader:
    """Opens a file for reading and follows links.

    Raises:
        OSError: The file is missing, cannot be read, or is a folder, a pipe, a device or a socket.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its writer before its type can be checked.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: str | Path, max_bytes: int | None = None) -> bytes:
    """Returns the content of a file.

    Raises:
        OSError: As `open_regular`, or the file is larger than `max_bytes`.
    """
    with open_regular(path) as file:
        content = file.read(-1 if max_bytes is None else max_bytes + 1)
    if max_bytes is not None and len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {_in_words(max_bytes)}", str(path))
    return content


def sha256_of(path: str | Path) -> str:
    """Returns the sha256 of a file's content as hexadecimal digits; raises OSError as `open_regular` does."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def create_own(path: Path) -> int:
    """Creates an empty file that no other path leads to, and returns its descriptor, open for writing.

    Whatever has the name already, such as what a killed process left, loses it; nothing is written to that.

    Raises:
        OSError: The file cannot be created, for instance because the name is that of a folder.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o644)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, 0o644)


def require_replaceable(path: Path) -> None:
    """Raises OSError if a file must not take the place of what is at `path`: a pipe, a device or a socket.

    A rename would remove it from the system, even if it is `/dev/null`. A link is judged by what it leads to.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:  # nothing is there, or a link that leads nowhere; the write itself will say what else is wrong
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EEXIST, "a pipe or a device has this name", str(path))


def _in_words(num_bytes: int) -> str:
    return f"{num_bytes >> 20} MiB" if num_bytes >= 1 << 20 else f"{num_bytes} bytes"
