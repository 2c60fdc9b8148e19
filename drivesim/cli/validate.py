"""`drivesim validate`: checks scenario files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from drivesim.errors import InputError, ScenarioError


def validate(
    files: Annotated[list[Path], typer.Argument(help="Scenario files.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check scenario files; each mistake is shown as file:line:col: message."""
    from drivesim.scenario import load_scenario

    failed = False
    results: list[dict[str, Any]] = []
    for file in files:
        try:
            scenario = load_scenario(file)
            results.append({"file": str(file), "valid": True, "name": scenario.name, "problems": []})
            if not as_json:
                typer.echo(f"{file}: valid")
        except InputError as error:
            failed = True
            typer.echo(str(error), err=True)
            results.append({"file": str(file), "valid": False, "name": None, "problems": _problems(error)})
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    if failed:
        raise typer.Exit(InputError.exit_code)


def _problems(error: InputError) -> list[dict[str, Any]]:
    if not isinstance(error, ScenarioError):
        return [{"line": None, "column": None, "message": str(error)}]
    return [
        {"line": problem.place.line, "column": problem.place.column, "message": problem.message}
        for problem in error.args
    ]
