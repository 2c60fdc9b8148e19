"""JSON files that carry the sha256 of their own content, in one canonical spelling.

A sealed file is sorted, indented JSON whose key `sha256` covers all the others. A content has exactly one spelling,
so an edit of any byte shows, even of white space or of a doubled key.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from drivesim.errors import InputError

MAX_SEALED_BYTES = 16 * 2**20
MAX_VALUES = 1_000_000  # in JSON that is read; each takes some hundred bytes of memory at most


def canonical_json(content: object) -> bytes:
    """Returns the one spelling of a JSON value; raises InputError for what JSON cannot hold (NaN, objects, ...)."""
    try:
        return json.dumps(content, sort_keys=True, indent=2, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"this cannot be kept as JSON: {error}") from error


def sha256(content: bytes | memoryview) -> str:
    """Returns the hex digest that archives use everywhere."""
    return hashlib.sha256(content).hexdigest()


def seal(content: dict[str, Any]) -> bytes:
    """Returns the file of a content."""
    return canonical_json({**content, "sha256": sha256(canonical_json(content))})


def parse_json(file_content: bytes) -> object:
    """Returns the JSON value of a file, in bounded memory and time; raises ValueError that says why there is none."""
    if sum(map(file_content.count, (b"[", b"{", b","))) > MAX_VALUES:
        raise ValueError(f"holds more than {MAX_VALUES:,} values")
    try:
        return json.loads(file_content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ValueError("is not valid JSON") from None


def _no_number(name: str) -> None:
    raise ValueError(name)


def unseal(file_content: bytes) -> dict[str, Any]:
    """Returns the content of a file; raises ValueError that says what is wrong with it."""
    content = parse_json(file_content)
    if not isinstance(content, dict) or not isinstance(content.get("sha256"), str):
        raise ValueError("carries no sha256 of itself")
    try:
        same = seal({key: value for key, value in content.items() if key != "sha256"}) == file_content
    except InputError:
        same = False
    if not same:
        raise ValueError("was changed after it was written (its sha256 does not fit its content)")
    del content["sha256"]
    return content
