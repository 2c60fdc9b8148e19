"""`drivesim import`: scenarios from files of other tools.

drivesim import cut-in.xosc --out scenarios
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.errors import InputError


def import_scenario(
    file: Annotated[Path, typer.Argument(help="OpenSCENARIO XML file, 1.0 to 1.3.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for <file>.yaml, or a name that ends in .yaml.", show_default="print it")
    ] = None,
    ego: Annotated[
        str | None, typer.Option(help="Entity that carries the camera.", show_default="by its name, or the first")
    ] = None,
) -> None:
    """Make a scenario of an OpenSCENARIO file; what is dropped or changed is listed on stderr, each with its line.

    Vehicles, their places and speeds, SpeedAction, LaneChangeAction and the time of day are taken; roads are straight.
    """
    from drivesim.scenario.interchange.openscenario import import_openscenario
    from drivesim.scenario.interchange.openscenario.xml_tree import MAX_BYTES
    from drivesim.scenario.save import scenario_yaml

    try:
        if not file.is_file():
            raise InputError(f"{file}: no such file")
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    imported = import_openscenario(content, str(file), ego)
    about = f": {imported.description}" if imported.description else ""
    text = scenario_yaml(imported.scenario, f"From {file.name}{about}")
    for note in imported.notes:
        typer.echo(f"{file}:{note.line}: {note}", err=True)
    if out is None:
        typer.echo(text, nl=False)
        return
    target = out if out.suffix in (".yaml", ".yml") else out / f"{imported.scenario.name}.yaml"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError as error:
        raise InputError(f"{target}: is there already; choose another --out, or remove it") from error
    typer.echo(target)
