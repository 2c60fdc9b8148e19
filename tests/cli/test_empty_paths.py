"""An empty text, such as an unset variable of the shell, is no path: it must not mean the current folder."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperOption
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.errors import InputError


def _paths(command=None, words: tuple[str, ...] = ()) -> Iterator:
    """Every parameter of every verb that takes a path: the words of the verb, the verb and the parameter."""
    command = command or typer.main.get_command(app)
    for name, verb in getattr(command, "commands", {}).items():
        yield from _paths(verb, (*words, name))
    if words and not hasattr(command, "commands"):
        kinds = typing.get_type_hints(inspect.unwrap(command.callback))
        for parameter in command.params:
            if "Path" in str(kinds.get(parameter.name)):
                yield pytest.param(words, command, parameter, id=f"{' '.join(words)} {parameter.name}")


@pytest.mark.parametrize(("words", "verb", "parameter"), list(_paths()))
def test_an_empty_path_is_refused_by_name_and_nothing_is_written(
    words: tuple[str, ...], verb, parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spellings = [[parameter.opts[0], ""], [f"{parameter.opts[0]}="]] if isinstance(parameter, TyperOption) else [[""]]
    before = [] if isinstance(parameter, TyperOption) else _arguments_before(verb, parameter)
    for spelling in spellings:
        result = CliRunner().invoke(app, [*words, *before, *spelling])
        assert isinstance(result.exception, InputError), result.output
        name = parameter.opts[0] if isinstance(parameter, TyperOption) else parameter.name.upper()
        assert str(result.exception).startswith(f"{name}: expected a folder or a file")
        assert list(tmp_path.iterdir()) == []


def _arguments_before(verb, parameter) -> list[str]:
    arguments = [other for other in verb.params if not isinstance(other, TyperOption)]
    return ["x"] * arguments.index(parameter)


def test_the_current_folder_and_other_empty_texts_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["new", "one", "--out", "."]).exit_code == 0
    assert (tmp_path / "one.yaml").is_file()
    result = CliRunner().invoke(app, ["new", "two", "--template", ""])
    assert "--template" in str(result.exception)
