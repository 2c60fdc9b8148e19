"""Keeps the memory that a process frees, so that the kernel need not clear the same pages again and again.

A rollout allocates and frees hundreds of megabytes in each layer. The GNU C library returns each such block to the
kernel, which must clear every page before it hands it out again: that took 37 % of the time of a rollout.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of mallopt(3), from malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEPT_BYTES = 2**31 - 1  # the largest int: free memory at the end of the heap above this goes back to the kernel
_LARGE_BYTES = 2**30  # blocks from this size on still get pages of their own and give them back when freed


def keep_freed_memory() -> bool:
    """Lets this process reuse the memory that it frees. Call it at the start of a process.

    Resident memory stays at the peak of what was in use and does not grow beyond it.

    Returns:
        Whether the allocator was set up. It is not if the C library is not glibc, or if the user has set it up with the
        variables `MALLOC_...` or `GLIBC_TUNABLES`.
    """
    library = None if _set_up_by_user() else _glibc()
    if library is None:
        return False
    # Before version 2.35 glibc refuses thresholds above 32 MiB; no block has pages of its own then.
    kept = library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES) or library.mallopt(_MMAP_MAX, 0)
    return bool(kept and library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))


def _set_up_by_user() -> bool:
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return "glibc.malloc" in tunables or any(name.startswith("MALLOC_") for name in os.environ)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt") else None
