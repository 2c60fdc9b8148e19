"""Memory that does not suffice, in one line instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from drivesim.errors import OutOfMemoryError

_WORDS = ("can't allocate memory", "not enough memory", "out of memory")
"""How torch says it: on the CPU it raises a plain RuntimeError."""


@contextmanager
def shortage_explained(advice: str) -> Iterator[None]:
    """Turns an allocation that fails in its block into one line that ends with `advice`.

    Raises:
        OutOfMemoryError: The block asked for more memory than there is.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, OutOfMemoryError) or not _is_shortage(error):
            raise
        raise OutOfMemoryError(f"there is not enough memory; {advice}") from error


def _is_shortage(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _WORDS)
