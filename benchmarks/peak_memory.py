"""The largest memory that a process holds between two moments; benchmarks import it.

On Linux the kernel's high-water mark of resident memory is reset (proc(5), clear_refs); where that is not possible, the
peak since the start of the process is measured, which tells as well whether memory grows. On a GPU it is the memory
that torch has allocated there.
"""

from __future__ import annotations

import re
import resource
from contextlib import suppress
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def begin_peak(device: str = "cpu") -> None:
    """Forgets all earlier peaks."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError):
        _CLEAR.write_text(_RESET_PEAK)


def peak_gib(device: str = "cpu") -> float:
    """Returns the largest memory since `begin_peak`, in GiB."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE):
            return int(found[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
