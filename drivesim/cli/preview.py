"""`drivesim preview FILE`: the layout of a scenario over time, before any sampling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def preview(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[Path, typer.Option(help="Folder for <name>_layout.png and <name>_layout.mp4.")] = Path(),
    coco: Annotated[
        bool, typer.Option("--coco", help="Write <name>_layout.json and its pictures too: COCO annotations.")
    ] = False,
    openlabel: Annotated[
        bool, typer.Option("--openlabel", help="Write <name>_layout.openlabel.json too: ASAM OpenLABEL 1.0.0.")
    ] = False,
) -> None:
    """Draw the boxes of a scenario over time, and its road from above, as a picture and a short video.

    No model is loaded. Without actors only the first frame is known, and there is no video.
    """
    from drivesim.archive.export import write_mp4, write_png, write_pngs
    from drivesim.scenario import load_scenario
    from drivesim.scenario.interchange.coco import coco as coco_of
    from drivesim.scenario.interchange.openlabel import openlabel as openlabel_of
    from drivesim.scenario.previews.preview import camera_view, preview_fps, preview_frames, preview_sheet

    scenario = load_scenario(file)
    picture = out / f"{scenario.name}_layout.png"
    write_png(preview_sheet(scenario), picture)
    typer.echo(picture)
    if scenario.scene is not None:
        video = picture.with_suffix(".mp4")
        write_mp4(preview_frames(scenario), preview_fps(scenario), video, crf=23)
        typer.echo(video)
    if coco:
        labels = coco_of(scenario, folder=picture.stem)
        write_pngs((camera_view(scenario, image["time_s"]) for image in labels["images"]), picture.with_suffix(""))
        _write_document(labels, picture.with_suffix(".json"))
    if openlabel:
        _write_document(openlabel_of(scenario), picture.with_suffix(".openlabel.json"))


def _write_document(document: dict[str, Any], path: Path) -> None:
    from drivesim.archive.export import write_text

    write_text(json.dumps(document, indent=1) + "\n", path)
    typer.echo(path)
