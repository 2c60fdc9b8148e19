"""Where a rollout runs where nobody says: the device, and the number of workers on it."""

from __future__ import annotations

import os

import torch

from drivesim.errors import InputError


def chosen_device(name: str) -> str:
    """`cpu` or `cuda` for `auto`, `cpu` or `cuda`; InputError where there is no CUDA device and one is asked for."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def default_workers(device: str, threads: int) -> int:
    """One worker on a GPU, else one for each `threads` cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if device == "cuda" else max(1, cores // threads)
