"""`drivesim expand`: the concrete scenarios of a file with a `sweep`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.options import LAST_CASE, JsonOption
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.scenario import Cases


def expand(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for one file per case, and cases.csv.", show_default="print them")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Print only the number of cases.")] = False,
    index: Annotated[
        int | None, typer.Option(min=0, max=LAST_CASE, help="Only the case with this number.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print or write the concrete scenarios of a sweep.

    A case depends on the file and on its number alone. All cases are checked before the first one is written.
    """
    from drivesim.scenario import load_cases

    cases = load_cases(file)
    if count:
        typer.echo(json.dumps({"count": len(cases)}) if as_json else len(cases))
        return
    if index is not None and index >= len(cases):
        raise InputError(f"--index {index}: {file} stands for {len(cases)} cases, 0..{len(cases) - 1}")
    chosen = range(len(cases)) if index is None else range(index, index + 1)
    names = [cases[number].name for number in chosen]
    if out is not None:
        paths = _write(cases, chosen, names, file, out)
        written = json.dumps({"written": [str(path) for path in paths]})
        typer.echo(written if as_json else f"{out}: {len(paths) - 1} scenarios and cases.csv")
        return
    if as_json:
        found = [
            {"name": name, "settings": dict(cases.settings(number)), "yaml": _yaml(cases, number, file)}
            for number, name in zip(chosen, names, strict=True)
        ]
        typer.echo(json.dumps(found, indent=2))
        return
    for number in chosen:
        typer.echo(("---\n" if number != chosen.start else "") + _yaml(cases, number, file), nl=False)


def _write(cases: Cases, chosen: range, names: list[str], file: Path, out: Path) -> list[Path]:
    paths = [out / f"{name}.yaml" for name in names]
    if file.resolve() in (path.resolve() for path in paths):
        raise InputError(f"{file}: would be overwritten; choose another --out")
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
    return [*paths, out / "cases.csv"]


def _yaml(cases: Cases, number: int, file: Path) -> str:
    from drivesim.scenario.save import scenario_yaml

    settings = ", ".join(f"{name} = {json.dumps(value)}" for name, value in cases.settings(number).items())
    return scenario_yaml(cases[number], f"Case {number} of {file.name}: {settings}" if settings else "")
