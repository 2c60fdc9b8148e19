"""`drivesim import`: scenarios from files of other tools.

drivesim import cut-in.xosc --out scenarios
drivesim import tracks.csv --ego 12 --out scenarios
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import JsonOption, make_folder
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.scenario import Scenario

MAX_INLINE_ROWS = 2000


def import_scenario(
    file: Annotated[
        Path,
        typer.Argument(help="OpenSCENARIO XML 1.0 to 1.3, CommonRoad XML, text of CARLA's recorder, or CSV of places."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for <file>.yaml, or a name that ends in .yaml.", show_default="print it")
    ] = None,
    ego: Annotated[
        str | None, typer.Option(help="Entity or id that carries the camera.", show_default="by its name, or the first")
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out what is unknown, though the meaning may depend on it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a scenario of a file of another tool; what is dropped or changed is listed on stderr, each with its line.

    The storyboard of an OpenSCENARIO file is executed. Vehicles become actors with manoeuvres where those say the same
    within 5 cm, else with trajectories.
    """
    from drivesim.durable import write_new_files
    from drivesim.scenario.interchange.importing import import_file
    from drivesim.scenario.save import scenario_yaml

    texts, notes, written = [], [], []
    for made in import_file(file, ego, lenient):
        for line in (*made.notes, *made.timeline):
            say(line, err=True)
            notes.append(str(line))
        about = f": {made.description}" if made.description else ""
        scenario, beside = made.scenario, {}
        if _num_rows(scenario) > MAX_INLINE_ROWS:
            if out is None:
                raise InputError(
                    f"{file}: {_num_rows(scenario)} rows of trajectories; give --out, for CSV files beside"
                )
            beside = _trajectory_files(scenario)
        text = scenario_yaml(scenario, f"From {file.name}{about}", beside)
        if out is None:
            texts.append(text)
            continue
        single = out.suffix in (".yaml", ".yml")
        if single and texts:
            raise InputError(f"{file}: makes several scenarios; give a folder as --out")
        texts.append(text)
        target = out if single else out / f"{scenario.name}.yaml"
        make_folder(target.parent)
        files = {target.parent / name: content for name, content in beside.items()} | {target: text}
        write_new_files({path: content.encode() for path, content in files.items()})
        written.append(str(target))
        if not as_json:
            say(target)
    if as_json:
        made_of = {"yaml": texts} if out is None else {"written": written}
        print_json(made_of | {"notes": notes})
    elif out is None:
        typer.echo("---\n".join(texts), nl=False)


def _num_rows(scenario: Scenario) -> int:
    held = [scenario.ego.trajectory if scenario.ego else None, *(actor.trajectory for actor in scenario.actors or ())]
    return sum(len(rows) for rows in held if rows is not None)


def _trajectory_files(scenario: Scenario) -> dict[str, str]:
    """CSV files of the trajectories, by name."""
    from drivesim.scenario.schema.trajectory import COLUMNS

    held = {"ego": scenario.ego.trajectory if scenario.ego else None}
    if (scene := scenario.scene) is not None:
        held |= {scene.id_of(index): actor.trajectory for index, actor in enumerate(scene.actors)}
    files = {}
    for name, rows in held.items():
        if rows is not None:
            lines = [
                ",".join(COLUMNS[: max(map(len, rows))]),
                *(",".join(f"{cell:.12g}" for cell in row) for row in rows),
            ]
            files[f"{scenario.name}_{name}.csv"] = "\n".join(lines) + "\n"
    return files
