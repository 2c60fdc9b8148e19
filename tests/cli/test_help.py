"""Help is plain: examples that parse, groups of verbs, flags without a type, JSON everywhere."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.cli.verbs import EXAMPLES

ROOT: Any = typer.main.get_command(app)


def verbs(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every verb that does something, by its words."""
    for name, found in getattr(command, "commands", {}).items():
        if hasattr(found, "commands"):
            yield from verbs(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


VERBS = dict(verbs())
PRINTS_JSON_ITSELF = {"schema"}
WRITES_A_PICTURE = {"evaluate sheet"}


def shown(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_explained_by_a_sentence(verb: str) -> None:
    for parameter in VERBS[verb].params:
        text = parameter.help
        assert text, parameter.name
        assert text[0].isupper() or re.match(r"\w+[:,] ", text), text  # the values of a choice are explained in turn
        assert text.endswith("."), text
    assert VERBS[verb].help.strip()


@pytest.mark.parametrize("verb", VERBS)
def test_every_number_has_bounds_which_also_exclude_nan_and_infinity(verb: str) -> None:
    for parameter in VERBS[verb].params:
        kind, info = str(parameter.type_descriptor.annotation), parameter.type_descriptor.parameter_info
        if "int" in kind or "float" in kind:
            assert info.min is not None, parameter.name
            assert info.max is not None, parameter.name
            assert -math.inf < info.min < info.max < math.inf, parameter.name


@pytest.mark.parametrize("verb", VERBS)
def test_flags_have_no_type(verb: str) -> None:
    assert "<bool>" not in shown(*verb.split())


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - PRINTS_JSON_ITSELF - WRITES_A_PICTURE - {"compress", "ui"}))
def test_every_verb_can_answer_in_json(verb: str) -> None:
    assert any("--json" in parameter.opts for parameter in VERBS[verb].params)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if not VERBS[verb].hidden])
def test_every_verb_has_an_example(verb: str) -> None:
    assert verb in EXAMPLES or f"-m drivesim {verb} --" in shown(*verb.split())


@pytest.mark.parametrize("verb", EXAMPLES)
def test_examples_are_shown_and_parse(verb: str) -> None:
    text = " ".join(shown(*verb.split()).split())
    for line in EXAMPLES[verb]:
        assert f"drivesim {verb} {line}".strip() in text
        arguments = shlex.split(line)
        if "--list" not in arguments:
            VERBS[verb].make_context(verb, arguments)


def test_verbs_are_grouped() -> None:
    text = shown()
    places = [text.index(f"─ {panel} ─") for panel in ("Scenarios", "Video", "Archives", "Footage and models")]
    assert places == sorted(places)
    assert places[1] < text.index("│ rollout ") < places[2] < text.index("│ export ") < places[3]
