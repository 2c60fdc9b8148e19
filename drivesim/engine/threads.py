"""The number of CPU threads that torch computes with, set for a block of code or for each step of an iterator.

The number decides in which order sums of float32 are added, and so the last bits of every result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


@contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
    """Lets torch compute with `count` threads in its block; None leaves torch as it is."""
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def each_with_threads(items: Iterator[T], count: int | None) -> Iterator[T]:
    """Yields items, each computed with `count` threads; whoever takes them has the threads that it had before."""
    while True:
        with cpu_threads(count):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item
