"""`drivesim validate`: checks scenario files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import JsonOption
from drivesim.errors import InputError, ScenarioError

if TYPE_CHECKING:
    from drivesim.scenario import Scenario
    from drivesim.scenario.text.problems import Problem

MOST_CASES = 1000
"""Number of cases of a sweep that are checked, which takes seconds."""


def validate(
    paths: Annotated[
        list[Path], typer.Argument(help="Scenario files and folders of them.", metavar="PATH...", show_default=False)
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    as_json: JsonOption = False,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder of checkpoints; says what in the files they do not obey.")
    ] = None,
) -> None:
    """Check scenario files.

    Each mistake is shown as file:line:col: message. What is implausible is a warning. The cases of a sweep are checked,
    up to the first 1000. The exit code is 2 if a file is wrong.
    """
    from drivesim.scenario import check_cases
    from drivesim.scenario.files import scenario_files

    failed = False
    results: list[dict[str, Any]] = []
    for file in scenario_files(paths):
        try:
            checked = check_cases(file, most=MOST_CASES)
            if strict and checked.warnings:
                raise ScenarioError(*checked.warnings)
            valid = {"file": str(file), "valid": True, "name": checked.cases.scenario.name, "problems": []}
            if checked.cases.scenario.sweep is not None:
                valid |= {"cases": len(checked.cases), "checked_cases": len(checked.numbers)}
                if len(checked.numbers) < len(checked.cases):
                    of_all = f"the first {len(checked.numbers)} of {len(checked.cases)} cases"
                    say(f"{file}: checked {of_all}; `drivesim expand` checks all", err=True)
            results.append(valid | ({"warnings": _as_json(checked.warnings)} if checked.warnings else {}))
            show_warnings(checked.warnings)
            if checkpoints is not None:
                unheeded = unheeded_parts(checked.cases.scenario, checkpoints)
                results[-1]["unheeded"] = unheeded
                for sentence in unheeded:
                    say(f"{file}: warning: {sentence}", err=True)
            if not as_json:
                say(f"{file}: valid")
        except InputError as error:
            failed = True
            typer.echo(error.explained(), err=True)
            more = error.num_more if isinstance(error, ScenarioError) else 0
            wrong = {"file": str(file), "valid": False, "name": None, "problems": _problems(error)}
            results.append(wrong | {"more_problems": more} if more else wrong)
    if as_json:
        print_json(results, indent=2)
    if failed:
        raise typer.Exit(InputError.exit_code)


def show_warnings(warnings: Sequence[Problem]) -> None:
    """Shows warnings on stderr, each as file:line:col: warning: message."""
    for warning in warnings:
        line, column = warning.place
        say(f"{warning.file}:{line}:{column}: warning: {warning.message}", err=True)


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
