"""Components that all tabs use: wrappers of the page's JavaScript, and errors as messages on the page."""

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
# Options of all events: answered at once instead of in Gradio's queue, without a spinner, not in a public interface.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
SCRIPTS = ("page", "boxes", "table", "marks", "scene", "variants", "editor", "player", "upload")


def mounted(kind: str, events: tuple[str, ...] = (), value: str = "{}", **options: Any) -> gr.HTML:
    """Returns a component that `drivesim.<kind>` in `web/` draws.

    Args:
        kind: Name of the JavaScript component.
        events: Names of the events that it can send.
        value: Its value as JSON.
        options: Further arguments of `gr.HTML`.
    """
    names = ", ".join(f"'{event}'" for event in events)
    # The script of the page can load after Gradio's.
    script = (
        f"(function mount() {{ if (!window.drivesim?.ready) return setTimeout(mount, 15); "
        f"window.drivesim.mount(window.drivesim.{kind}, element, props, trigger, watch); }})(); /* sends: {names} */"
    )
    return gr.HTML(
        value, html_template="<div class='ds-mount'></div>", js_on_load=script, apply_default_css=False, **options
    )


def parsed(value: Any) -> dict[str, Any]:
    """Returns the object in the JSON text that a component sent, or an empty one if the text is not an object."""
    try:
        found = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_of(editor: Any) -> str:
    """Returns the YAML in the value of the editor."""
    text = parsed(editor).get("text")
    return text if isinstance(text, str) else ""


def event_field(event: gr.EventData, name: str) -> Any:
    """Returns a value that an event carries, or None."""
    data = event._data
    return data.get(name) if isinstance(data, dict) else None


@contextlib.contextmanager
def shown_errors() -> Iterator[None]:
    """Shows the user's mistakes as messages on the page."""
    try:
        yield
    except DrivesimError as error:
        raise gr.Error(str(error), duration=8, print_exception=False) from None


def head() -> str:
    """Returns the HTML head of the page; it loads scripts and styles only from this server."""
    return f'<link rel="stylesheet" href="/page/style.css"><script src="/page/{BUNDLE}" defer></script>'


def bundle() -> bytes:
    """Returns all scripts of the page in one file, in the order of their dependencies."""
    parts = [(WEB / f"{name}.js").read_bytes() for name in SCRIPTS]
    return b"\n".join([*parts, b"window.drivesim.ready = true;\n"])
