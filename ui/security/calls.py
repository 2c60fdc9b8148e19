"""The allowed content of a call: text, numbers and short lists of texts, but never a file, a path or a tree."""

from __future__ import annotations

import json
from typing import Any

MAX_VALUES = 64
MAX_CHOICES = 256
MAX_NAME = 64
"""Largest number of characters of a text outside the values, such as the name of a session, which Gradio keeps."""
_EVENT_KEYS = {"pane", "frame", "seed", "picture", "text", "index"}
_FIELDS = {
    "data", "fn_index", "session_hash", "event_id", "event_data", "trigger_id", "batched", "simple_format",
}  # fmt: skip


def allowed_call(body: bytes) -> bool:
    """Returns whether the body of a call is one that the page could have sent."""
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(call, dict) or not set(call) <= _FIELDS:
        return False
    values, event = call.pop("data", []), call.pop("event_data", None)
    return (
        isinstance(values, list)
        and len(values) <= MAX_VALUES
        and all(_is_plain(value) or _is_choice(value) for value in values)
        and (event is None or _is_event(event))
        and all(_is_plain(value) and not (isinstance(value, str) and len(value) > MAX_NAME) for value in call.values())
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def _is_choice(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_CHOICES and all(isinstance(item, str) for item in value)


def _is_event(event: Any) -> bool:
    return _is_plain(event) or (isinstance(event, dict) and all(_is_plain(value) for value in event.values()))
