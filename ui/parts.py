"""Pieces that all tabs are made of: components of our own JavaScript, and errors as messages on the page."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from drivesim.errors import DrivesimError

WEB = Path(__file__).parent / "web"
BUNDLE = "drivesim.js"
SCRIPTS = ("page", "boxes", "table", "scene", "variants", "editor", "player", "upload")


def mounted(kind: str, events: tuple[str, ...] = (), value: str = "{}", **options: Any) -> gr.HTML:
    """A component that `drivesim.<kind>` of `web/` draws; its value is JSON text, `events` are what it can send."""
    names = ", ".join(f"'{event}'" for event in events)
    # The page's own script may come after Gradio's.
    script = (
        f"(function mount() {{ if (!window.drivesim?.ready) return setTimeout(mount, 15); "
        f"window.drivesim.mount(window.drivesim.{kind}, element, props, trigger, watch); }})(); /* sends: {names} */"
    )
    return gr.HTML(
        value, html_template="<div class='ds-mount'></div>", js_on_load=script, apply_default_css=False, **options
    )


def parsed(value: Any) -> dict[str, Any]:
    """The object in the JSON text that a component of ours sent; an empty one where it is none."""
    try:
        found = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_of(editor: Any) -> str:
    """The YAML in the value of the editor."""
    text = parsed(editor).get("text")
    return text if isinstance(text, str) else ""


def event_field(event: gr.EventData, name: str) -> Any:
    """A value that came with an event; None where there is none."""
    data = event._data
    return data.get(name) if isinstance(data, dict) else None


@contextlib.contextmanager
def shown_errors() -> Iterator[None]:
    """A user's mistake becomes a message on the page."""
    try:
        yield
    except DrivesimError as error:
        raise gr.Error(str(error), duration=8, print_exception=False) from None


def head() -> str:
    """What the page loads of ours: from this server, nothing from elsewhere."""
    return f'<link rel="stylesheet" href="/page/style.css"><script src="/page/{BUNDLE}" defer></script>'


def bundle() -> bytes:
    """All scripts of the page in one, in the order in which they need each other."""
    parts = [(WEB / f"{name}.js").read_bytes() for name in SCRIPTS]
    return b"\n".join([*parts, b"window.drivesim.ready = true;\n"])
