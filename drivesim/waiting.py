"""Threads that wait for each other sleep instead of spinning, so that other programs on the machine cost no more than
their share.

torch divides an operation between OpenMP threads, which meet at its end. By default, who comes first spins for some
milliseconds. If another program has a core meanwhile, the thread that everybody waits for does not run, and a rollout
of thousands of small operations stands nearly still (docs/decisions.md has the figures).
"""

from __future__ import annotations

import os
import sys

_WAITING_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_passively() -> bool:
    """Lets the threads of this process and of its children sleep while they wait; call it before torch is imported.

    Returns:
        Whether it was set up. It is not if the user has set it up with a variable of OpenMP.
    """
    if any(name in os.environ for name in _WAITING_VARIABLES):
        return False
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # the only way to tell OpenMP, which reads it when it is loaded
    return True


def compute_with(threads: int) -> None:
    """Sets the number of threads of torch, in this process and in those that it starts."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # is read when torch is imported, which takes a second
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
