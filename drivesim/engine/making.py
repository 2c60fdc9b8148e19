"""Work in steps: a generator that yields which fraction of its work is done, and returns the result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Made = TypeVar("Made")
Event = TypeVar("Event")
Making = Generator[float, None, Made]
"""Work that yields the fraction of it that is done, rising to 1, and returns what it has made."""


def made(making: Making[Made]) -> Made:
    """Does work to its end and returns what it has made."""
    while True:
        try:
            next(making)
        except StopIteration as end:
            result: Made = end.value
            return result


def within(making: Making[Made], start: float, stop: float) -> Making[Made]:
    """Does work that is a part of other work, and yields fractions of the whole, from `start` to `stop`."""
    return reported(making, lambda fraction: start + (stop - start) * fraction)


def reported(making: Making[Made], event_of: Callable[[float], Event]) -> Generator[Event, None, Made]:
    """Does work, yields an event for each fraction that is done, and returns what it has made."""
    while True:
        try:
            yield event_of(next(making))
        except StopIteration as end:
            result: Made = end.value
            return result
