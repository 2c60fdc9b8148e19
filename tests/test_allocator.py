"""Freed memory stays with the process, and does not add up."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys

import pytest

from drivesim.allocator import keep_freed_memory

GLIBC = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
pytestmark = pytest.mark.skipif(not GLIBC, reason="this C library is not glibc")


@pytest.fixture(autouse=True)
def _nothing_set_by_the_user(monkeypatch) -> None:
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]:
        monkeypatch.delenv(name)


# Allocates and frees as a rollout does: tensors of many sizes that live for a layer, a few that live for a window.
ROLLOUT = """
import json, random, resource, sys
from pathlib import Path
import numpy as np
from drivesim.allocator import keep_freed_memory

kept = keep_freed_memory() if sys.argv[1] == "keep" else None
page, draw = resource.getpagesize(), random.Random(0)
sizes = [draw.randrange(256 * 1024, 24 * 2**20) for _ in range(40)]
resident, faults = [], []
for window in range(12):
    skips, order = [], draw.sample(sizes, len(sizes))
    for size in order:
        x = np.ones(size, np.uint8)
        skips = [*skips[-3:], x + 1]
        del x
    del skips
    resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * page)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(json.dumps({"kept": kept, "resident": resident, "faults": [b - a for a, b in zip(faults, faults[1:])]}))
"""


def run(mode: str, **variables: str) -> dict:
    command = [sys.executable, "-c", ROLLOUT, mode]
    done = subprocess.run(command, env=os.environ | variables, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_windows_reuse_memory_and_do_not_grow() -> None:
    kept, usual = run("keep"), run("leave")
    assert kept["kept"] is True
    settled = kept["resident"][3:]
    assert max(settled) - min(settled) < 32 * 2**20
    assert max(kept["resident"]) < 512 * 2**20
    assert sum(kept["faults"][3:]) < sum(usual["faults"][3:]) / 20


@pytest.mark.parametrize(
    "variables", [{"MALLOC_ARENA_MAX": "2"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}]
)
def test_what_the_user_has_set_is_left_alone(variables: dict[str, str]) -> None:
    assert run("keep", **variables)["kept"] is False


def test_another_c_library_is_left_alone(monkeypatch) -> None:
    class Musl:
        """Has neither `mallopt` nor `gnu_get_libc_version`."""

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Musl())
    assert keep_freed_memory() is False
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False


def test_an_older_glibc_that_refuses_large_thresholds_is_told_to_give_no_block_its_own_pages(monkeypatch) -> None:
    calls = []

    class Glibc:
        gnu_get_libc_version = None

        def mallopt(self, parameter: int, value: int) -> int:
            calls.append((parameter, value))
            return int(not (parameter == -3 and value > 32 * 2**20))

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Glibc())
    assert keep_freed_memory() is True
    assert calls == [(-3, 2**30), (-4, 0), (-1, 2**31 - 1)]
