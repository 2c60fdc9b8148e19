"""`drivesim expand`: the concrete scenarios of a file with a `sweep`.

drivesim expand scenarios/cut_in_day.yaml --out cases
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.scenario import Cases


def expand(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for one file a case, and cases.csv.", show_default="print them")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Only print how many there are.")] = False,
    index: Annotated[int | None, typer.Option(min=0, help="Only this case.", show_default=False)] = None,
) -> None:
    """Print or write the concrete scenarios of a sweep; case n depends on the file and on n alone.

    Every case is checked before the first is written.
    """
    from drivesim.scenario import load_cases

    cases = load_cases(file)
    if count:
        typer.echo(len(cases))
        return
    if index is not None and index >= len(cases):
        raise InputError(f"--index {index}: {file} stands for {len(cases)} cases, 0..{len(cases) - 1}")
    chosen = range(len(cases)) if index is None else range(index, index + 1)
    names = [cases[number].name for number in chosen]
    if out is not None:
        _write(cases, chosen, names, file, out)
        return
    for number in chosen:
        typer.echo(("---\n" if number != chosen.start else "") + _yaml(cases, number, file), nl=False)


def _write(cases: Cases, chosen: range, names: list[str], file: Path, out: Path) -> None:
    paths = [out / f"{name}.yaml" for name in names]
    if file.resolve() in (path.resolve() for path in paths):
        raise InputError(f"{file}: would be written over; choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror}); choose another --out") from error
    for number, path in zip(chosen, paths, strict=True):
        path.write_text(_yaml(cases, number, file), encoding="utf-8")
    with (out / "cases.csv").open("w", newline="", encoding="utf-8") as table:
        rows = csv.writer(table)
        rows.writerow(["name", *cases.settings(chosen.start)])
        for number, name in zip(chosen, names, strict=True):
            values = cases.settings(number).values()
            rows.writerow([name, *(value if isinstance(value, str) else json.dumps(value) for value in values)])
    typer.echo(f"{out}: {len(paths)} scenarios and cases.csv")


def _yaml(cases: Cases, number: int, file: Path) -> str:
    from drivesim.scenario.save import scenario_yaml

    settings = ", ".join(f"{name} = {json.dumps(value)}" for name, value in cases.settings(number).items())
    return scenario_yaml(cases[number], f"Case {number} of {file.name}: {settings}" if settings else "")
