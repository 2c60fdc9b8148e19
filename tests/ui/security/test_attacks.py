"""A running server under attack: nothing leaks, and the page stays up."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

pytestmark = pytest.mark.xdist_group("ui")
ROOT = Path(__file__).parents[3]
PATIENCE_S = 400  # of a machine that is slow, or has more to do than these tests
SECRET = b"root:"
TARGETS = ("/etc/passwd", "../../../../../../etc/passwd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd")
PREFIXES = (
    "/", "/file=", "/gradio_api/file=", "/gradio_api/file/", "/static/", "/assets/", "/page/", "/media/start/",
    "/media/picture/", "/media/archive/", "/gradio_api/proxy=", "/svelte/", "/gradio_api/custom_component/0/client/x/",
)  # fmt: skip


def page(editor: str, scene: str = "{}") -> list[Any]:
    """What an event sends: editor, drawing area and preset, then the controls."""
    return [editor, scene, "fast", "name", "day", "", 6, "0", 4, 2]


@pytest.fixture(autouse=True)
def _the_page_stays_up(client: Any):
    yield
    assert client.ask("GET", "/").status == 200


@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_path_of_a_client_reaches_a_file(client: Any, prefix: str) -> None:
    for target in TARGETS:
        answer = client.ask("GET", prefix + target)
        assert answer.status in (307, 400, 404), (prefix, target)
        assert SECRET not in answer.body


@pytest.mark.parametrize(
    "payload",
    [
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "http://127.0.0.1:22/", "url": "http://127.0.0.1:22/", "meta": {"_type": "gradio.FileData"}},
        {"image": {"path": "/etc/passwd"}, "boxes": [[0] * 10_000]},
    ],
)
def test_no_call_carries_a_file(client: Any, payload: dict) -> None:
    for event in ("typed", "edited", "photo", "branch"):
        answer = client.call(event, payload, payload, payload)
        assert answer.status == 422
        assert SECRET not in answer.body


@pytest.mark.parametrize(
    "value", ["../../../etc/passwd", "http://127.0.0.1:22/", '{"path": "/etc/passwd"}', None, 1e308, ["a"] * 200]
)
def test_no_handler_gives_anything_away(client: Any, value: Any) -> None:
    for handler in client.handlers():
        event = {"seed": str(value), "picture": "../x", "pane": -1, "frame": 10**18}
        answer = client.call(handler["id"], *[value] * len(handler["inputs"]), event_data=event)
        assert answer.status in (200, 422, 500), handler["targets"]
        for leak in (SECRET, b"Traceback", b"site-packages", str(ROOT).encode()):
            assert leak not in answer.body, handler["targets"]


def test_uploads_of_gradio_do_not_exist(client: Any) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="../a"\r\n\r\nroot:\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    assert client.ask("POST", "/gradio_api/upload", form, content_type=kind).status == 404


@pytest.mark.parametrize("path", ["/media/photos", "/gradio_api/run/predict", "/gradio_api/run/predict/"])
def test_a_large_body_is_refused_before_it_is_sent(client: Any, path: str) -> None:
    answer = client.ask("POST", path, b"", content_length=str(200 << 20))
    assert answer.status == 413


def test_a_body_of_unknown_length_is_cut_off(client: Any) -> None:
    place = urlsplit(client.url)
    sent = 0
    with socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S) as connection:
        head = f"POST /media/photos HTTP/1.1\r\nHost: {place.netloc}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        try:
            for _ in range(64):
                connection.sendall(piece)
                sent += 1
        except OSError:
            pass
        try:
            answer = connection.recv(64)
        except OSError:
            answer = b""
    assert sent < 64 or b" 413 " in answer


def test_a_photo_that_is_none_is_refused(client: Any) -> None:
    answer = client.ask("POST", "/media/photos", b"GIF89a" + bytes(1000))
    assert answer.status == 422
    assert json.loads(answer.body) == {"detail": "expected a PNG picture"}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "[" * 100_000,
        "format: 1\nname: x\nduration_s: 1e18\n",
        "format: 1\nname: x\nfirst_frame: /etc/passwd\n",
        "!!python/object/apply:os.system ['true']",
        "\x00\x01\ud800",
        "x" * (1 << 20),
    ],
)
def test_hostile_yaml_is_a_message(client: Any, text: str) -> None:
    answer = client.call("typed", *page(json.dumps({"text": text})))
    assert answer.status == 200
    assert b'"kind\\": \\"problem' in answer.body.replace(b"\\\\", b"\\")
    assert SECRET not in answer.body


@pytest.mark.parametrize("value", ["", "[]", "1", "{", "[" * 100_000, '{"boxes": 1}', '{"boxes": [{"xyxy": {}}]}'])
def test_a_drawing_that_is_none_is_refused_without_a_traceback(client: Any, value: str) -> None:
    editor = json.dumps({"text": "format: 1\nname: x\n", "shown": {"edit": 1}})
    answer = client.call("edited", *page(editor, value))
    assert answer.status in (200, 500)
    assert b"Traceback" not in answer.body
    assert b"site-packages" not in answer.body
    assert str(ROOT).encode() not in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::2]:80"])
def test_another_host_is_refused(client: Any, host: str) -> None:
    assert client.ask("GET", "/", host=host).status in (400, 421)


def test_requests_of_other_sites_are_refused(client: Any) -> None:
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "x"}).encode()
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert client.ask("POST", "/gradio_api/run/predict", body, **headers).status == 403


def test_answers_tell_browsers_to_load_nothing_from_elsewhere(client: Any) -> None:
    headers = client.ask("GET", "/").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_fifty_clients_at_once_are_served(client: Any) -> None:
    def visit(number: int) -> list[int]:
        text = json.dumps({"text": f"format: 1\nname: visitor_{number}\n"})
        typed = client.call("typed", *page(text), session_hash=f"visitor{number}")
        assert f"visitor_{number}".encode() in typed.body
        return [client.ask("GET", "/").status, typed.status]

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(visit, range(50))) == [[200, 200]] * 50


def test_open_streams_are_bounded(client: Any) -> None:
    place, held = urlsplit(client.url), []
    try:
        answers = []
        for number in range(230):
            connection = socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S)
            held.append(connection)
            request = f"GET /gradio_api/heartbeat/flood{number} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
            connection.sendall(request.encode())
            answers.append(connection.recv(16).split()[1])
        assert answers.count(b"503") >= 20
        assert client.ask("GET", "/config").status == 200
    finally:
        for connection in held:
            connection.close()


def test_variables_of_gradio_open_nothing(
    start_server: Callable[..., Any], client_of: Callable[[str], Any], tmp_path: Path
) -> None:
    variables = {
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_ALLOWED_PATHS": "/",
        "GRADIO_SHARE": "True",
        "GRADIO_ROOT_PATH": "http://evil.example",
        "GRADIO_MCP_SERVER": "True",
        "GRADIO_VIBE_MODE": "1",
        "GRADIO_SSR_MODE": "True",
    }
    server = start_server(tmp_path / "out", **variables)
    client, place = client_of(server.url), urlsplit(server.url)
    assert place.hostname == "127.0.0.1"
    assert client.ask("GET", "/gradio_api/file=/etc/passwd").status == 404
    assert b"evil.example" not in client.ask("GET", "/config").body
    with pytest.raises(OSError, match=r"."):
        socket.create_connection((_other_address(), place.port), timeout=2)


def _other_address() -> str:
    """An address of this machine that is not 127.0.0.1."""
    return "127.0.0.2"


def test_another_address_needs_accounts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "drivesim", "ui", "--host", "0.0.0.0", "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 2
    assert "--auth-file" in done.stderr
    assert not (tmp_path / "out").exists()


def test_with_accounts_nothing_is_shown_before_the_login(
    start_server: Callable[..., Any], client_of: Callable[[str], Any], tmp_path: Path
) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text("ana:correct horse\n")
    accounts.chmod(0o600)
    server = start_server(tmp_path / "out", "--auth-file", str(accounts))
    client = client_of(server.url)
    assert b'name="password"' in client.ask("GET", "/").body
    for method, path in (("GET", "/config"), ("POST", "/gradio_api/run/predict"), ("GET", "/media/picture/x")):
        assert client.ask(method, path, b"{}" if method == "POST" else None).status == 401

    def log_in(password: str) -> Any:
        return client.ask("POST", "/login", urlencode({"name": "ana", "password": password}).encode())

    assert log_in("wrong").status == 401
    opened = log_in("correct horse")
    assert opened.status == 303
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    session = cookie.split(";")[0]
    assert client.ask("GET", "/config", cookie=session).status == 200
    for _ in range(5):
        assert log_in("wrong").status == 401
    # Each wait is over at some time, so on a slow machine the first refusals may be missed.
    assert any(log_in("wrong").status == log_in("correct horse").status == 429 for _ in range(20))
    assert client.ask("POST", "/logout", b"", cookie=session).status == 303
    assert client.ask("GET", "/config", cookie=session).status == 401
