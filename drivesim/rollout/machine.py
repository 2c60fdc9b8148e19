"""Defaults for the device of a rollout and the number of its workers."""

from __future__ import annotations

import os

import torch

from drivesim.errors import InputError

MAX_THREADS = 1024
"""The largest number of CPU threads of a worker."""


def chosen_device(name: str) -> str:
    """Returns `cpu` or `cuda` for `auto`, `cpu` or `cuda`.

    Raises:
        InputError: `cuda` is requested, but there is no CUDA device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def default_workers(device: str, threads: int) -> int:
    """Returns the default number of workers: one on a GPU, otherwise one per `threads` cores of this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if device == "cuda" else max(1, cores // threads)
