"""`drivesim preview FILE`: the layout of a scenario over time, before any sampling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import JsonOption


def preview(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME_layout.png and NAME_layout.mp4.")] = Path(),
    coco: Annotated[
        bool, typer.Option("--coco", help="Also write COCO annotations, NAME_layout.json, and their pictures.")
    ] = False,
    openlabel: Annotated[
        bool, typer.Option("--openlabel", help="Also write ASAM OpenLABEL 1.0.0, NAME_layout.openlabel.json.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Draw the boxes of a scenario over time, and its road from above.

    The result is a picture and a short video; no model is loaded. Without actors only the first frame is known, so that
    there is no video.
    """
    from drivesim.archive.export import write_mp4, write_png, write_pngs
    from drivesim.scenario import load_scenario
    from drivesim.scenario.interchange.coco import coco as coco_of
    from drivesim.scenario.interchange.openlabel import openlabel as openlabel_of
    from drivesim.scenario.previews.preview import camera_view, preview_fps, preview_frames, preview_sheet

    scenario = load_scenario(file)
    picture = out / f"{scenario.name}_layout.png"
    write_png(preview_sheet(scenario), picture)
    written = [picture]
    if scenario.scene is not None:
        video = picture.with_suffix(".mp4")
        write_mp4(preview_frames(scenario), preview_fps(scenario), video, crf=23)
        written.append(video)
    if coco:
        labels = coco_of(scenario, folder=picture.stem)
        write_pngs((camera_view(scenario, image["time_s"]) for image in labels["images"]), picture.with_suffix(""))
        written += [picture.with_suffix(""), _written(labels, picture.with_suffix(".json"))]
    if openlabel:
        written.append(_written(openlabel_of(scenario), picture.with_suffix(".openlabel.json")))
    if as_json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        say(path)


def _written(document: dict[str, Any], path: Path) -> Path:
    from drivesim.archive.export import write_text

    write_text(json.dumps(document, indent=1) + "\n", path)
    return path
