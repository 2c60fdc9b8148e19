from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivesim.assets import scenario_library
from drivesim.cli.main import app

RUN = CliRunner()
FLOATING = "format: 1\nname: a\nboxes:\n  - {category: car, xyxy: [400, 100, 480, 160]}\n"


@pytest.mark.parametrize(("name", "suffixes"), [("cut_in_night", {".png", ".mp4"}), ("empty_road_night", {".png"})])
def test_preview_names_what_it_wrote(tmp_path: Path, name: str, suffixes: set[str]) -> None:
    result = RUN.invoke(app, ["preview", str(scenario_library() / f"{name}.yaml"), "--out", str(tmp_path / "new")])
    assert result.exit_code == 0
    written = [Path(line) for line in result.stdout.splitlines()]
    assert {path.suffix for path in written} == suffixes
    assert all(path.stat().st_size > 1000 and path.stem == f"{name}_layout" for path in written)


def test_validate_warns_and_strict_refuses(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(FLOATING)
    warned = RUN.invoke(app, ["validate", str(file)])
    assert warned.exit_code == 0
    assert warned.stderr.startswith(f"{file}:4:27: warning: W201 box 1 floats")
    refused = RUN.invoke(app, ["validate", "--strict", str(file)])
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"{file}:4:27: W201 box 1 floats")
    assert "warnings" in RUN.invoke(app, ["validate", "--json", str(file)]).stdout


def test_labels_of_the_layout_are_written_where_asked(tmp_path: Path) -> None:
    file = str(scenario_library() / "night_lead_vehicle.yaml")
    result = RUN.invoke(app, ["preview", file, "--out", str(tmp_path), "--coco", "--openlabel"])
    *_, coco, openlabel = (Path(line) for line in result.stdout.splitlines())
    assert (coco.name, openlabel.name) == ("night_lead_vehicle_layout.json", "night_lead_vehicle_layout.openlabel.json")
    document = json.loads(coco.read_text())
    assert len(document["annotations"]) == 2
    assert all((tmp_path / image["file_name"]).stat().st_size > 1000 for image in document["images"])
    assert len(json.loads(openlabel.read_text())["openlabel"]["objects"]) == 2
