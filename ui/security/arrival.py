"""The time at which a request arrived, by which the page puts answers in the order of their requests."""

from __future__ import annotations

import time
from contextvars import ContextVar

_ARRIVAL: ContextVar[int] = ContextVar("arrival", default=0)


def note_arrival() -> None:
    """Notes the time for the request that is being answered; threads that work for it inherit it."""
    _ARRIVAL.set(_now_us())


def arrival_us() -> int:
    """Returns the time at which the present request arrived, in microseconds; without a request, the time now."""
    return _ARRIVAL.get() or _now_us()


def _now_us() -> int:
    return time.time_ns() // 1000
