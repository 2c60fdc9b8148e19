"""The requests that the page itself makes; every other address of the server is refused.

Gradio has many more routes (files, uploads, proxies, streams, monitoring, editing). None of them can be reached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_KB, _MB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Route:
    """A kind of request: the largest body that it may have, and whether the body is checked as a call of the page."""

    method: str
    path: re.Pattern[str]
    max_body: int = 0
    is_call: bool = False


def _get(pattern: str) -> Route:
    return Route("GET", re.compile(pattern))


def _post(pattern: str, max_body: int, is_call: bool = False) -> Route:
    return Route("POST", re.compile(pattern), max_body, is_call)


_FILE = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*"
_ID = r"[A-Za-z0-9_-]{1,64}"
ROUTES = (
    _get(r"/"),
    _get(r"/config/?"),
    _get(r"/theme\.css"),
    _get(r"/favicon\.ico"),
    _get(r"/manifest\.json"),
    _get(rf"/(assets|static)(/{_FILE}){{1,4}}"),
    _get(r"/gradio_api/(app_id|startup-events|theme\.css|info)/?"),
    _get(rf"/gradio_api/heartbeat/{_ID}"),
    _post(r"/gradio_api/run/predict/?", 1536 * _KB, is_call=True),
    _get(rf"/page/{_FILE}"),
    _get(rf"/media/(picture|composed)/{_ID}"),
    _get(r"/media/start/(photo|frame)-[0-9a-f]{16}\.png"),
    _post(r"/media/photos", 8 * _MB),
    _get(rf"/media/archive/{_ID}/[0-9]{{1,4}}/[0-9]{{1,8}}\.(jpg|json)"),
    _get(rf"/media/archive/{_ID}/[0-9]{{1,4}}\.mp4"),
    _get(rf"/media/archive/{_ID}\.(zip|yaml)"),
    _get(rf"/media/study/{_ID}/[0-9]{{1,4}}/(left|right)/[0-9]{{1,8}}\.jpg"),
    _get(rf"/media/study/{_ID}/(votes|results)\.csv"),
)


def route_of(method: str, path: str) -> Route | None:
    """Returns the route of a request for the path as the server decoded it, or None if there is none."""
    for route in ROUTES:
        if route.path.fullmatch(path) and (method == route.method or (method == "HEAD" and route.method == "GET")):
            return route
    return None
