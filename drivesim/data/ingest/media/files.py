"""Reading of local regular files; pipes, devices and network addresses are refused."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

from drivesim import regular_files
from drivesim.errors import FootageError


def open_regular(path: Path) -> BufferedReader:
    """Opens a file for reading and follows links.

    Raises:
        FootageError: The file is missing, cannot be read, or is not a regular file.
    """
    try:
        return regular_files.open_regular(path)
    except OSError as error:
        raise FootageError(f"{path}: cannot be read: {error.strerror}") from None


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Returns the content of a file.

    Raises:
        FootageError: As `open_regular`, or the file is larger than `max_bytes`.
    """
    try:
        return regular_files.read_regular(path, max_bytes)
    except OSError as error:
        raise FootageError(f"{path}: cannot be read: {error.strerror}") from None
