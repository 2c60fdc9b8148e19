"""`drivesim import`: scenarios from files of other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.options import JsonOption, make_folder
from drivesim.errors import InputError


def import_scenario(
    file: Annotated[Path, typer.Argument(help="OpenSCENARIO XML file, 1.0 to 1.3.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the scenario, or a name that ends in .yaml.", show_default="print it"),
    ] = None,
    ego: Annotated[
        str | None,
        typer.Option(help="Name of the entity that carries the camera.", show_default="by its name, or the first"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn an OpenSCENARIO file into a scenario.

    Vehicles, their positions and speeds, SpeedAction, LaneChangeAction and the time of day are imported; roads become
    straight. Whatever is dropped or changed is listed on stderr with its line.
    """
    from drivesim.scenario.interchange.openscenario import import_openscenario
    from drivesim.scenario.interchange.openscenario.xml_tree import MAX_BYTES
    from drivesim.scenario.save import scenario_yaml

    try:
        if not file.is_file():
            raise InputError(f"{file}: {'is no file; name an OpenSCENARIO file' if file.exists() else 'no such file'}")
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    imported = import_openscenario(content, str(file), ego)
    about = f": {imported.description}" if imported.description else ""
    text = scenario_yaml(imported.scenario, f"From {file.name}{about}")
    for note in imported.notes:
        typer.echo(f"{file}:{note.line}: {note}", err=True)
    notes = [{"line": note.line, "message": str(note)} for note in imported.notes]
    if out is None:
        typer.echo(json.dumps({"yaml": text, "notes": notes}) if as_json else text, nl=as_json)
        return
    target = out if out.suffix in (".yaml", ".yml") else out / f"{imported.scenario.name}.yaml"
    try:
        make_folder(target.parent)
        with target.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError as error:
        raise InputError(f"{target}: exists already; choose another --out, or remove it") from error
    typer.echo(json.dumps({"written": str(target), "notes": notes}) if as_json else target)
