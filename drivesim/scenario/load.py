"""From a scenario file to a checked `Scenario`, with every problem at its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivesim.errors import InputError
from drivesim.scenario.picture import read_picture
from drivesim.scenario.plausibility import findings
from drivesim.scenario.problems import (
    MAX_SHOWN,
    FieldPath,
    Place,
    Problem,
    clipped,
    close_match,
    scenario_error,
    shown,
)
from drivesim.scenario.schema import Scenario
from drivesim.scenario.strict import MisfittingFields, model_at
from drivesim.scenario.yaml_document import MAX_BYTES, YamlDocument, read_document

# What each kind of pydantic error expected; the message goes on with what came instead.
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "letters, digits, '_' and '-', at most 64, a letter or digit first",
}


@dataclass(frozen=True)
class CheckedScenario:
    """A scenario that can be run, and what is implausible about it nevertheless, in the order of the file."""

    scenario: Scenario
    warnings: tuple[Problem, ...] = ()


def load_scenario(path: str | Path) -> Scenario:
    """Reads and checks a scenario file; a `first_frame` in it becomes a path that holds from anywhere.

    Raises:
        InputError: there is no such file, or it cannot be read.
        ScenarioError: the file is wrong; one `file:line:col: message` for each of up to ten problems.
    """
    return check_scenario(path).scenario


def check_scenario(path: str | Path) -> CheckedScenario:
    """Reads a scenario file as `load_scenario`, with its warnings; raises as that."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: expected a scenario file, got a folder")
    if not path.is_file():
        raise InputError(f"{path}: no such scenario file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return check_content(content, file=str(path), folder=path.parent)


def parse_scenario(content: bytes, file: str = "<scenario>", folder: Path | None = None) -> Scenario:
    """Checks the content of a scenario file; `file` is the name in messages, `folder` where its picture lies.

    Raises:
        ScenarioError: as `load_scenario`.
    """
    return check_content(content, file, folder).scenario


def check_content(content: bytes, file: str = "<scenario>", folder: Path | None = None) -> CheckedScenario:
    """Checks the content of a scenario file as `parse_scenario`, with its warnings; raises as that."""
    document = read_document(content, file)
    try:
        scenario = Scenario.model_validate(document.value)
    except ValidationError as error:
        _note_problems(error, document)
    if document.problems:
        raise scenario_error(document.problems)
    warnings = _plausible(scenario, document)
    if scenario.first_frame is None:
        return CheckedScenario(scenario, warnings)
    picture = ((folder or Path()) / scenario.first_frame).absolute()
    try:
        read_picture(picture)
    except InputError as error:
        document.fail(document.place_of(("first_frame",)), str(error))
    return CheckedScenario(scenario.model_copy(update={"first_frame": str(picture)}), warnings)


def _plausible(scenario: Scenario, document: YamlDocument) -> tuple[Problem, ...]:
    """Warnings about a scenario; ScenarioError where something in it cannot be."""
    warnings = []
    for finding in findings(scenario):
        place = document.place_of(finding.path)
        if finding.stops:
            document.note(place, str(finding))
        else:
            warnings.append(Problem(document.file, place, str(finding)))
    if document.problems:
        raise scenario_error(document.problems)
    return tuple(sorted(set(warnings)))


def _note_problems(error: ValidationError, document: YamlDocument) -> None:
    unreadable = {problem.place for problem in document.problems}
    found: list[tuple[Place, Any]] = []
    for entry in error.errors(include_url=False):
        cause = entry.get("ctx", {}).get("error")
        if isinstance(cause, MisfittingFields):
            found += [(document.place_of((*entry["loc"], *path)), message) for path, message in cause.problems]
        elif entry["type"] == "extra_forbidden":
            found.append((document.key_place_of(entry["loc"]), entry))
        else:
            found.append((document.place_of(entry["loc"]), entry))
    for place, entry in sorted(found, key=lambda pair: pair[0])[: MAX_SHOWN + len(unreadable)]:
        if place not in unreadable:
            document.note(place, entry if isinstance(entry, str) else _message(entry))


def _message(entry: dict[str, Any]) -> str:
    kind, path, context = entry["type"], entry["loc"], entry.get("ctx", {})
    name = clipped(str(path[-1])) if path else ""
    prefix = f"`{name}`: " if path and isinstance(path[-1], str) else ""
    if kind == "missing":
        return f"`{name}` is missing"
    if kind == "extra_forbidden":
        return f"unknown key `{name}`{_known_keys(name, path)}"
    if kind == "value_error":
        return f"{prefix}{context['error']}"
    if path == ("format",):
        return f"{prefix}this drivesim reads format 1, got {shown(entry['input'])}"
    hint = _close_choice(context["expected"], entry["input"]) if kind == "literal_error" else ""
    return f"{prefix}expected {_EXPECTED[kind].format(**context)}, got {shown(entry['input'])}{hint}"


def _known_keys(name: str, path: FieldPath) -> str:
    model = model_at(Scenario, path[:-1])
    close = close_match(name, model.model_fields)
    return f"; did you mean `{close}`?" if close else f"; known here: {', '.join(model.model_fields)}"


def _close_choice(expected: str, value: Any) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    close = close_match(value, choices) if isinstance(value, str) else None
    return f"; did you mean '{close}'?" if close else ""
