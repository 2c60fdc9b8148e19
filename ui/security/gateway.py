"""The gateway in front of the page: an ASGI middleware that passes on what `routes` and `calls` allow."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ui.security.accounts import Accounts, Throttle
from ui.security.arrival import note_arrival
from ui.security.calls import allowed_call
from ui.security.login import COOKIE, MAX_BODY, log_in, login_page
from ui.security.routes import route_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MAX_STREAMS = 200
MAX_PENDING_BYTES = 64 << 20
SMALL_BODY_BYTES = 64 << 10
BODY_TIMEOUT_S = 20.0
_STREAMS = ("/gradio_api/heartbeat/", "/gradio_api/startup-events")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Gateway:
    """An ASGI application that wraps another one and passes on only allowed requests.

    It refuses requests for a Host other than a loopback name if the server listens on loopback (DNS rebinding),
    requests from other sites, addresses that the page does not use, bodies over their limit, calls with anything but
    plain values, more streams than a page needs, and, if there are accounts, requests without a session.
    """

    def __init__(self, app: Any, loopback_only: bool, accounts: Accounts | None = None) -> None:
        self._app, self._loopback_only, self._accounts = app, loopback_only, accounts
        self._throttle = Throttle()
        self._streams: Counter[str] = Counter()
        self._pending_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request or passes it on."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return None
        request, send = Request(scope, receive), _with_headers(send)
        answer = self._refusal(request)
        if answer is None and self._accounts is not None:
            answer = await self._identified(request, self._accounts)
        if answer is not None:
            return await answer(scope, receive, send)
        route = route_of(request.method, scope["path"])
        if route is None:
            return await _error(404, "this address does not exist")(scope, receive, send)
        if route.method == "POST":
            return await self._posted(route.max_body, route.is_call, request, send)
        if scope["path"].startswith(_STREAMS):
            return await self._streamed(request, send)
        return await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self._loopback_only and name not in LOOPBACK:
            return _error(421, "this server answers to 127.0.0.1 and localhost only")
        origin = request.headers.get("origin")
        if origin is not None and origin.split("://", 1)[-1] != host:
            return _error(403, "requests from other sites are refused")
        if request.headers.get("sec-fetch-site") in ("cross-site", "same-site") and request.method == "POST":
            return _error(403, "requests from other sites are refused")
        return None

    async def _identified(self, request: Request, accounts: Accounts) -> Response | None:
        token = request.cookies.get(COOKIE, "")
        path = request.scope["path"]
        if path == "/login" and request.method == "POST":
            body = await _body(request, MAX_BODY)
            if body is None:
                return _error(413, "the form is too large")
            return await log_in(request, body, accounts, self._throttle)
        if path == "/logout" and request.method == "POST":
            accounts.log_out(token)
            return RedirectResponse("/", status_code=303)
        if accounts.knows(token):
            return None
        return login_page() if path == "/" and request.method == "GET" else _error(401, "log in first")

    async def _posted(self, max_body: int, is_call: bool, request: Request, send: Send) -> None:
        note_arrival()
        announced = request.headers.get("content-length", "")
        expected = int(announced) if announced.isdecimal() and len(announced) < 12 else max_body
        if expected > max_body:
            return await _error(413, f"the body is larger than {max_body >> 10} KiB")(
                request.scope, request.receive, send
            )
        # Large bodies share a limit; small ones, such as nearly all calls of a page, cannot be kept out by them.
        counted = expected if expected > SMALL_BODY_BYTES else 0
        if counted and self._pending_bytes + counted > MAX_PENDING_BYTES:
            return await _error(503, "the server is busy; try again")(request.scope, request.receive, send)
        self._pending_bytes += counted
        try:
            body = await _body(request, max_body)
        finally:
            self._pending_bytes -= counted
        if body is None:
            return await _error(413, "the body is too large or too slow")(request.scope, request.receive, send)
        if is_call and not allowed_call(body):
            return await _error(422, "the call contains more than plain values")(request.scope, request.receive, send)
        return await self._app(request.scope, _replayed(body, request.receive), send)

    async def _streamed(self, request: Request, send: Send) -> None:
        if self._streams.total() >= MAX_STREAMS:
            return await _error(503, "too many pages are open; close some of them")(
                request.scope, request.receive, send
            )
        kind = request.scope["path"]
        self._streams[kind] += 1
        try:
            await self._app(request.scope, request.receive, send)
        finally:
            self._streams[kind] -= 1
            if not self._streams[kind]:
                del self._streams[kind]


async def _body(request: Request, limit: int) -> bytes | None:
    """Returns the body of a request, or None if it is over the limit, incomplete or too slow."""
    pieces, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    return None
                pieces.append(piece)
    except (TimeoutError, ClientDisconnect):
        return None
    return b"".join(pieces)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Returns a `receive` that repeats a body that was read already and then continues with the original."""
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sending


def _error(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status)
