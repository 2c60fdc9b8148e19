"""`drivesim new`: starts a scenario file from a template of the library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import JsonOption, make_folder
from drivesim.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _list(asked: bool) -> None:
    if asked:
        for name, text in _templates().items():
            say(f"{name:<28} {_purpose(text)}")
        raise typer.Exit


def new(
    name: Annotated[str, typer.Argument(help="Name of the scenario; the file is NAME.yaml.")],
    template: Annotated[
        str, typer.Option(help="Scenario of the library to start from; see --list.")
    ] = "night_lead_vehicle",
    out: Annotated[
        Path, typer.Option(help="Folder for the scenario file and the schema with which editors check it.")
    ] = Path("."),
    show_list: Annotated[
        bool, typer.Option("--list", callback=_list, is_eager=True, help="List the templates and exit.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a scenario file from a template.

    Editors that know YAML schemas complete and check it.
    """
    from drivesim.cli.schema import schema_text
    from drivesim.durable import unwritable, write_file, write_new_files
    from drivesim.scenario import parse_scenario
    from drivesim.scenario.save import SCHEMA_FILE, SCHEMA_LINE
    from drivesim.scenario.text.problems import close_match
    from drivesim.scenario.text.yaml_scalars import plain_scalar

    templates = _templates()
    if template not in templates:
        close = close_match(template, templates)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(templates)}"
        raise InputError(f"--template {template}: no such template; {hint}")
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r}: expected letters, digits, '_' and '-', at most 64, a letter or digit first")
    lines = [line for line in templates[template].splitlines() if not line.startswith("# yaml-language-server:")]
    said = name if isinstance(plain_scalar(name), str) else f'"{name}"'
    text = re.sub(r"^name:.*$", f"name: {said}", "\n".join(lines), flags=re.M)
    text = f"{SCHEMA_LINE}\n{text}\n"
    file = out / f"{name}.yaml"
    parse_scenario(text.encode(), str(file))
    make_folder(out)
    write_new_files({file: text.encode()})
    try:
        write_file(out / SCHEMA_FILE, schema_text().encode())
    except OSError as error:
        file.unlink()  # so that the same command can be run again
        raise unwritable(out / SCHEMA_FILE, error) from error
    if as_json:
        print_json({"written": [str(file), str(out / SCHEMA_FILE)]})
    else:
        say(file)


def _templates() -> dict[str, str]:
    from drivesim.assets import scenario_library

    return {file.stem: file.read_text(encoding="utf-8") for file in sorted(scenario_library().glob("*.yaml"))}


def _purpose(text: str) -> str:
    """Returns the first comment that is meant for people."""
    comments = (line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    return next((line for line in comments if not line.startswith("yaml-language-server:")), "")
