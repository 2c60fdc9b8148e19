"""Clients that are too slow lose their connection, and those that are not keep it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from ui.security import connections as module
from ui.security.connections import WatchedConnection

PATIENCE_S = 400
LONG = 64 << 20
GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope: dict, receive: object, send: object) -> None:
    """Answers `/long` with many bytes, and everything else, bodies unread, with two."""
    size = LONG if scope["path"] == "/long" else 2
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for start in range(0, size, 1 << 20):
        body = bytes(min(1 << 20, size - start))
        await send({"type": "http.response.body", "body": body, "more_body": start + len(body) < size})


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[tuple[str, int], uvicorn.Server]]:
    monkeypatch.setattr(module, "ASKING_S", 0.3)
    monkeypatch.setattr(module, "READING_S", 0.3)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=WatchedConnection, ws="none", lifespan="off", log_level="error", timeout_keep_alive=PATIENCE_S
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname(), server
    server.should_exit = True
    thread.join(PATIENCE_S)


@pytest.fixture
def address(running: tuple[tuple[str, int], uvicorn.Server]) -> tuple[str, int]:
    return running[0]


def ends(connection: socket.socket) -> bool:
    """Whether the server ends a connection, whatever it sends before."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"]
)
def test_who_does_not_finish_a_request_is_cut_off(address: tuple[str, int], begun: bytes) -> None:
    with socket.create_connection(address, timeout=PATIENCE_S) as connection:
        connection.sendall(begun)
        assert ends(connection)


def test_who_takes_nothing_of_an_answer_is_cut_off(running: tuple[tuple[str, int], uvicorn.Server]) -> None:
    address, server = running
    with socket.create_connection(address, timeout=PATIENCE_S) as slow:
        slow.sendall(GET % b"long")
        slow.recv(1)
        while server.server_state.connections:
            threading.Event().wait(0.01)
        taken = 0
        try:
            while piece := slow.recv(1 << 16):
                taken += len(piece)
        except ConnectionError:
            pass
        assert taken < LONG


def test_who_takes_a_long_answer_gets_all_of_it_and_can_ask_again(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=PATIENCE_S) as connection, connection.makefile("rb") as answers:
        for path, size in ((b"long", LONG), (b"", 2)):
            connection.sendall(GET % path)
            while answers.readline() != b"\r\n":
                pass
            assert len(answers.read(size)) == size


def test_a_full_server_takes_a_new_client_in_place_of_an_idle_one(
    running: tuple[tuple[str, int], uvicorn.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, server = running
    monkeypatch.setattr(module, "ASKING_S", PATIENCE_S)
    server.config.limit_concurrency = 6
    idle = [socket.create_connection(address, timeout=PATIENCE_S) for _ in range(20)]
    with socket.create_connection(address, timeout=PATIENCE_S) as client:
        client.sendall(GET % b"")
        assert client.recv(12) == b"HTTP/1.1 200"
    assert len(server.server_state.connections) <= 6
    for connection in idle:
        connection.close()
