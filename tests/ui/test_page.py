"""The page as a whole in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("ui")
Opening = Callable[..., AbstractContextManager[Any]]


def test_the_page_is_usable_by_night_without_the_network(open_page: Opening, server: Any) -> None:
    with open_page(server.url, color_scheme="dark") as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        page.wait_for_selector("#scene svg.ds-canvas >> text=horizon")
        page.wait_for_function("document.body.classList.contains('dark')")
        outside = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
        assert outside == []
