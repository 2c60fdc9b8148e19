"""`drivesim validate`: checks scenario files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivesim.cli.lines import say
from drivesim.cli.options import JsonOption
from drivesim.errors import InputError, ScenarioError

if TYPE_CHECKING:
    from drivesim.scenario import Scenario
    from drivesim.scenario.text.problems import Problem


def validate(
    files: Annotated[list[Path], typer.Argument(help="Scenario files.", show_default=False)],
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    as_json: JsonOption = False,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder of checkpoints; says what in the files they do not obey.")
    ] = None,
) -> None:
    """Check scenario files.

    Each mistake is shown as file:line:col: message. What is implausible is a warning. The exit code is 2 if a file is
    wrong.
    """
    from drivesim.scenario import check_scenario

    failed = False
    results: list[dict[str, Any]] = []
    for file in files:
        try:
            checked = check_scenario(file)
            if strict and checked.warnings:
                raise ScenarioError(*checked.warnings)
            valid = {"file": str(file), "valid": True, "name": checked.scenario.name, "problems": []}
            results.append(valid | ({"warnings": _as_json(checked.warnings)} if checked.warnings else {}))
            for warning in checked.warnings:
                line, column = warning.place
                say(f"{warning.file}:{line}:{column}: warning: {warning.message}", err=True)
            if checkpoints is not None:
                unheeded = unheeded_parts(checked.scenario, checkpoints)
                results[-1]["unheeded"] = unheeded
                for sentence in unheeded:
                    say(f"{file}: warning: {sentence}", err=True)
            if not as_json:
                say(f"{file}: valid")
        except InputError as error:
            failed = True
            typer.echo(error.explained(), err=True)
            results.append({"file": str(file), "valid": False, "name": None, "problems": _problems(error)})
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    if failed:
        raise typer.Exit(InputError.exit_code)


def unheeded_parts(scenario: Scenario, checkpoints: Path) -> list[str]:
    """Returns what in a scenario the checkpoints of a folder do not obey; raises CheckpointError as they do."""
    from drivesim.engine.unheeded import unheeded
    from drivesim.models.checkpoints import CheckpointSet

    return unheeded(scenario, CheckpointSet.open(checkpoints))


def _problems(error: InputError) -> list[dict[str, Any]]:
    if not isinstance(error, ScenarioError):
        return [{"line": None, "column": None, "message": str(error)}]
    return _as_json(error.args)


def _as_json(problems: tuple[Problem, ...]) -> list[dict[str, Any]]:
    return [{"line": p.place.line, "column": p.place.column, "message": p.message} for p in problems]
