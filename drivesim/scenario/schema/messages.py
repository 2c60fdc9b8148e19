"""Messages for what pydantic finds wrong: what was expected, what came, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.strict import InvalidFieldsError, StrictModel, model_at
from drivesim.scenario.sweeps.sweep import KEY
from drivesim.scenario.text.problems import FieldPath, clipped, close_match, shown

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "letters, digits, '_' and '-', at most {most}, a letter or digit first",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}
"""What each kind of pydantic error expected; the message continues with what came instead."""


NOT_SUPPORTED = frozenset(
    {
        *("weather", "rain", "snow", "fog", "wind", "sun", "clouds", "dawn", "dusk", "season", "wetness"),
        *("pedestrian", "pedestrians", "person", "cyclist", "cyclists", "bicycle", "bike", "motorcycle", "scooter"),
        *("animal", "trailer", "traffic_light", "traffic_lights", "traffic_sign", "traffic_signs", "signs"),
        *("crossing", "intersection", "junction", "buildings", "trees", "location", "map", "prompt", "text"),
    }
)
"""Words for what people ask of a scene and drivesim does not know yet, as a key or as a value."""
_NOT_YET = "is not supported yet; see docs/scenarios.md#what-the-default-can-show"


def misfits(error: ValidationError, model: type[StrictModel] = Scenario) -> Iterator[tuple[FieldPath, str]]:
    """Yields the path and the message of each problem; a path that ends in `KEY` means the key before it.

    Args:
        error: The error of a validation.
        model: The model that was validated, whose keys are offered as corrections.
    """
    entries = error.errors(include_url=False)
    around = {entry["loc"][:-1] for entry in entries if entry["loc"]}
    for entry in entries:
        cause = entry.get("ctx", {}).get("error")
        if entry["type"] == "too_short" and entry["loc"] in around:
            continue  # pydantic counts without the wrong entries, each of which has a message of its own
        if isinstance(cause, InvalidFieldsError):
            yield from (((*entry["loc"], *path), message) for path, message in cause.problems)
        elif entry["type"] == "extra_forbidden":
            yield (*entry["loc"], KEY), _message(entry, model)
        else:
            yield entry["loc"], _message(entry, model)


def _message(entry: ErrorDetails, model: type[StrictModel]) -> str:
    kind, path, context = entry["type"], entry["loc"], entry.get("ctx", {})
    name = clipped(str(path[-1])) if path else ""
    prefix = f"`{name}`: " if path and isinstance(path[-1], str) and name != KEY else ""
    if kind == "missing":
        return f"`{name}` is missing"
    if kind == "extra_forbidden" and name in NOT_SUPPORTED:
        return f"`{name}` {_NOT_YET}"
    if kind == "literal_error" and isinstance(entry["input"], str) and entry["input"] in NOT_SUPPORTED:
        return f"{prefix}{shown(entry['input'])} {_NOT_YET}; expected {context['expected']}"
    if kind == "extra_forbidden":
        return f"unknown key `{name}`{_known_keys(name, path, model)}"
    if kind == "value_error":
        return f"{prefix}{context['error']}"
    if path == ("format",):
        return f"{prefix}this drivesim reads format 1, got {shown(entry['input'])}"
    if kind not in _EXPECTED:
        return f"{prefix}{clipped(entry['msg'])}, got {shown(entry['input'])}"
    came = shown(entry["input"]) if kind not in ("too_short", "too_long") else len(entry["input"])
    hint = _close_choice(context["expected"], entry["input"]) if kind == "literal_error" else ""
    if kind == "string_pattern_mismatch":
        # The patterns of names allow one character and then a number of others: [..][..]{0,63}
        context = {"most": int(context["pattern"].rpartition(",")[2].rstrip("}$")) + 1}
    return f"{prefix}expected {_EXPECTED[kind].format(**context)}, got {came}{hint}"


def _known_keys(name: str, path: FieldPath, root: type[StrictModel]) -> str:
    model = model_at(root, path[:-1])
    close = close_match(name, model.model_fields)
    return f"; did you mean `{close}`?" if close else f"; known here: {', '.join(model.model_fields)}"


def _close_choice(expected: str, value: Any) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    close = close_match(value.strip(), choices) if isinstance(value, str) else None
    return f"; did you mean '{close}'?" if close else ""
