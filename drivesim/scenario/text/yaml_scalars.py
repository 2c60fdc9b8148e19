"""Plain YAML scalars by the core schema of YAML 1.2, in which `yes`, `off`, `1:30` and `2024-01-01` are text."""

from __future__ import annotations

import re

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_DIGITS = 64
_NUMBER_START = frozenset("+-.0123456789")


def plain_scalar(text: str) -> str | int | float | bool | None:
    """Returns the value of an unquoted scalar.

    Raises:
        ValueError: The number is infinite, not a number, or longer than any field can hold.
    """
    if text in _NULL:
        return None
    if text[0] not in _NUMBER_START:
        return _BOOL.get(text, text)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"expected a finite number, got {text}")
    is_integer = _INTEGER.fullmatch(text)
    if not is_integer and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} characters, expected at most {_MAX_DIGITS}")
    if is_integer:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"expected a finite number, got {text}")
    return value
