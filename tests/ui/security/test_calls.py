"""What calls of the page may carry."""

from __future__ import annotations

import json

import pytest

from ui.security.calls import allowed_call
from ui.security.routes import route_of

CALL = {"data": ["text", 1, 2.5, None, True, ["a", "b"]], "fn_index": 3, "session_hash": "abc", "event_data": None}


def test_plain_values_pass() -> None:
    assert allowed_call(json.dumps(CALL).encode())
    assert allowed_call(json.dumps({**CALL, "event_data": {"pane": 0, "frame": 3}}).encode())


FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "call",
    [
        {**CALL, "data": [FILE]},
        {**CALL, "data": [[FILE]]},
        {**CALL, "data": [{"url": "http://127.0.0.1:1/", "path": "http://127.0.0.1:1/"}]},
        {**CALL, "data": "text"},
        {**CALL, "data": {"0": "text"}},
        {**CALL, "data": ["x"] * 65},
        {**CALL, "data": [["x"] * 257]},
        {**CALL, "event_data": {"frame": FILE}},
        {**CALL, "event_data": [1]},
        {**CALL, "session_hash": ["a"]},
        {**CALL, "session_hash": "a" * 65},
        {**CALL, "oauth_token": "x"},
        {**CALL, "request": {}},
        [],
        "text",
    ],
)
def test_files_trees_and_strange_fields_do_not(call: object) -> None:
    assert not allowed_call(json.dumps(call).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"data": [' + b"[" * 50_000])
def test_what_is_no_json_does_not(body: bytes) -> None:
    assert not allowed_call(body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/file=/etc/passwd"),
        ("GET", "/gradio_api/file/etc/passwd"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data"),
        ("POST", "/gradio_api/cancel"),
        ("GET", "/gradio_api/proxy=http://127.0.0.1/"),
        ("GET", "/gradio_api/stream/a/0/0/playlist.m3u8"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/call/lambda"),
        ("GET", "/monitoring"),
        ("GET", "/gradio_api/deep_link"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/run-history/buckets"),
        ("GET", "/static/../../etc/passwd"),
        ("GET", "/assets/..%2f..%2fetc/passwd"),
        ("GET", "/assets/.hidden"),
        ("GET", "/page/../server.py"),
        ("GET", "/media/start/../../etc/passwd"),
        ("GET", "/media/archive/../0/0.jpg"),
        ("GET", "/media/archive/a/0/-1.jpg"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("PUT", "/"),
        ("DELETE", "/media/picture/abc"),
        ("GET", "/media/picture/a\n"),
    ],
)
def test_addresses_that_the_page_does_not_use_do_not_exist(method: str, path: str) -> None:
    assert route_of(method, path) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/config"),
        ("GET", "/assets/index-DphvyggB.js"),
        ("GET", "/static/js/iframeResizer.contentWindow.min.js"),
        ("POST", "/gradio_api/run/predict"),
        ("GET", "/media/composed/Abc_-123"),
        ("GET", "/media/archive/9bb3d92f59bf6e66/0/12.jpg"),
        ("HEAD", "/"),
    ],
)
def test_those_that_it_uses_do(method: str, path: str) -> None:
    assert route_of(method, path) is not None
