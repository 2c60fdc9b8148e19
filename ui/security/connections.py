"""Connections that end when their client is too slow, so that slow clients cannot use up all connections."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ASKING_S = 15.0
READING_S = 60.0


class WatchedConnection(H11Protocol):
    """An HTTP connection of uvicorn with limits on the time that a client takes.

    A client has `ASKING_S` seconds for the head of a request, and for the rest of a body that has been answered
    already. It has `READING_S` seconds to take some of an answer. If there are too many connections, the one that has
    waited for its client for the longest time gives way to a new one.
    """

    _asking: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _waits_since: float | None = None  # time since which the server waits for the client, or None if it does not

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        if self.limit_concurrency is not None and len(self.connections) + 1 >= self.limit_concurrency:
            self._make_room()
        super().connection_made(transport)
        self._watch_asking()

    def data_received(self, data: bytes) -> None:
        """Takes a part of a request."""
        super().data_received(data)
        self._watch_asking()

    def on_response_complete(self) -> None:
        """Watches what is left of the request, and of the answer if the connection closes."""
        super().on_response_complete()
        self._watch_asking()
        self._stop_reading()
        self._reading = self.loop.call_later(READING_S, self._abort_if_closing)

    def pause_writing(self) -> None:
        """Watches a client that does not take its answer."""
        super().pause_writing()
        self._stop_reading()
        self._waits_since = self.loop.time()
        self._reading = self.loop.call_later(READING_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Goes on with the answer."""
        super().resume_writing()
        self._stop_reading()
        self._waits_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends all timers."""
        super().connection_lost(exc)
        self._stop_asking()
        self._stop_reading()

    def _watch_asking(self) -> None:
        """Starts the clock if the client owes a part of a request that nothing else waits for, and else stops it."""
        theirs, ours = self.conn.their_state, self.conn.our_state
        if theirs not in (h11.IDLE, h11.SEND_BODY):
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self.loop.time()
        owes = theirs is h11.IDLE or (theirs is h11.SEND_BODY and ours in (h11.DONE, h11.MUST_CLOSE))
        if not owes:
            self._stop_asking()
        elif self._asking is None:
            self._asking = self.loop.call_later(ASKING_S, self.transport.abort)

    def _make_room(self) -> None:
        watched = [one for one in self.connections if isinstance(one, WatchedConnection)]
        waiting = [(one._waits_since, id(one), one) for one in watched if one._waits_since is not None]
        if waiting:
            *_, longest = min(waiting)
            longest.transport.abort()
            self.connections.discard(longest)

    def _abort_if_closing(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
