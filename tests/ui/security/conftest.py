"""Requests as an attacker writes them: any path, any header, any body."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

PATIENCE_S = 400  # of a machine that is slow, or has more to do than these tests


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Client:
    """Sends single requests to one address."""

    url: str

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; names of headers are written with _ for -."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.putrequest(method, path, skip_host="host" in named, skip_accept_encoding=True)
            if body is not None and "content-length" not in named:
                named["content-length"] = str(len(body))
            for name, value in named.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, fields, answer.read())
        finally:
            connection.close()

    def call(self, event: str | int, *data: Any, **fields: Any) -> Answer:
        """Calls a handler by the event that it answers to, such as `typed`, or by its number; returns its answer."""
        number = event if isinstance(event, int) else self.handler(event)
        body = {"data": list(data), "fn_index": number, "session_hash": "test", **fields}
        return self.ask("POST", "/gradio_api/run/predict", json.dumps(body).encode(), content_type="application/json")

    def handler(self, event: str) -> int:
        """The number of the first handler of an event."""
        return next(one["id"] for one in self.handlers() if any(target[1] == event for target in one["targets"]))

    def handlers(self) -> list[dict[str, Any]]:
        """All handlers of the page, with their ids, inputs and targets."""
        return json.loads(self.ask("GET", "/config").body)["dependencies"]


@pytest.fixture
def client_of() -> Callable[[str], Client]:
    """A client of the server at an address."""
    return Client


@pytest.fixture
def client(server: Any) -> Client:
    """A client of the shared server."""
    return Client(server.url)
