"""`drivesim expand`: the concrete scenarios of a file with a `sweep`."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import LAST_CASE, JsonOption, make_folder
from drivesim.errors import InputError
from drivesim.wording import counted

if TYPE_CHECKING:
    from drivesim.scenario import CheckedCases


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
    from drivesim.cli.validate import show_warnings
    from drivesim.scenario import check_cases, load_cases

    if count:
        number = len(load_cases(file))
        if as_json:
            print_json({"count": number})
        else:
            typer.echo(number)
        return
    checked = check_cases(file, index)
    show_warnings(checked.warnings)
    if out is not None:
        paths = _write(checked, file, out)
        if as_json:
            print_json({"written": [str(path) for path in paths]})
        else:
            say(f"{out}: {counted(len(paths) - 1, 'scenario')} and cases.csv")
        return
    texts = _texts(checked, file)
    if as_json:
        found = [
            {"name": scenario.name, "settings": dict(checked.cases.settings(number)), "yaml": text}
            for number, scenario, text in zip(checked.numbers, checked.scenarios, texts, strict=True)
        ]
        print_json(found, indent=2)
        return
    typer.echo("---\n".join(texts), nl=False)


def _write(checked: CheckedCases, file: Path, out: Path) -> list[Path]:
    from drivesim.archive.export import write_text

    paths = [out / f"{scenario.name}.yaml" for scenario in checked.scenarios]
    if os.path.realpath(file) in map(os.path.realpath, paths):
        raise InputError(f"{file}: would be overwritten; choose another --out")
    make_folder(out)
    for path, text in zip(paths, _texts(checked, file), strict=True):
        write_text(text, path)
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["name", *checked.cases.settings(checked.numbers.start)])
    for number, scenario in zip(checked.numbers, checked.scenarios, strict=True):
        values = checked.cases.settings(number).values()
        rows.writerow([scenario.name, *(v if isinstance(v, str) else json.dumps(v) for v in values)])
    write_text(table.getvalue(), out / "cases.csv")
    return [*paths, out / "cases.csv"]


def _texts(checked: CheckedCases, file: Path) -> list[str]:
    """Returns the YAML of each case, with its settings in a comment."""
    from drivesim.scenario.save import scenario_yaml

    texts = []
    for number, scenario in zip(checked.numbers, checked.scenarios, strict=True):
        settings = ", ".join(f"{name} = {json.dumps(v)}" for name, v in checked.cases.settings(number).items())
        texts.append(scenario_yaml(scenario, f"Case {number} of {file.name}: {settings}" if settings else ""))
    return texts
