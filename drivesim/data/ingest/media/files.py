"""Reading of local regular files; pipes, devices and network addresses are refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from drivesim.errors import FootageError


def open_regular(path: Path) -> BinaryIO:
    """Opens a file for reading and follows links.

    Raises:
        FootageError: The file is missing, cannot be read, or is not a regular file.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its writer before its type can be checked.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FootageError(f"{path}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FootageError(f"{path}: expected a regular file")
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Returns the content of a file.

    Raises:
        FootageError: As `open_regular`, or the file is larger than `max_bytes`.
    """
    with open_regular(path) as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise FootageError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > max_bytes:
        raise FootageError(f"{path}: larger than {max_bytes >> 20} MiB")
    return content
