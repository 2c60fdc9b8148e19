"""What an archive says about its origin may have been edited: `render` and `inspect` answer with one line."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from drivesim.archive import ArchiveLayout, ArchiveWriter
from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.rollout.archived import render_job
from drivesim.scenario import Scenario

LAYOUT = ArchiveLayout(1, 8, 8, 3, (16, 32, 3), (4, 2, 4), 10, 2.5)
INPUTS = {"scenario": {"seed": 1}, "settings": {"gate_attempts": 1}, "device": "cpu", "threads": 1}
PROVENANCE = {"preset": "fast", "scenario": Scenario.model_validate({"format": 1, "name": "a"}).model_dump(mode="json")}


def archive(folder: Path, inputs: dict[str, Any], provenance: dict[str, Any]) -> Path:
    with ArchiveWriter.open(folder / "a.zarr", inputs, LAYOUT, provenance):
        return folder / "a.zarr"


def edited(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(values)
    *parents, last = path.split(".")
    inside = values
    for name in parents:
        inside = inside[name]
    inside[last] = value
    return values


def test_what_was_not_edited_is_a_job(tmp_path: Path) -> None:
    job = render_job(archive(tmp_path, INPUTS, PROVENANCE), tmp_path / "rendered", Path("none"))
    assert (job.seed, job.preset, job.device, job.threads, job.gate) == (1, "fast", "cpu", 1, 1)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("preset", ["fast"]),
        ("preset", {}),
        ("preset", None),
        ("preset", "\ud800"),
        ("scenario", ["a"]),
        ("scenario", None),
        ("scenario.description", "\ud800"),
        ("scenario.name", "../../a"),
    ],
)
def test_an_edited_provenance_is_refused_in_one_line(path: str, value: object, tmp_path: Path) -> None:
    place = archive(tmp_path, INPUTS, edited(PROVENANCE, path, value))
    refused_and_shown(place)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("threads", 0),
        ("threads", -1),
        ("threads", 10**20),
        ("threads", "1"),
        ("threads", True),
        ("device", "cuda:9"),
        ("device", "meta"),
        ("device", ["cpu"]),
        ("device", "\x1b[31m"),
        ("scenario.seed", -1),
        ("scenario.seed", 2**70),
        ("scenario", [1]),
        ("settings", None),
        ("settings", ["a"]),
        ("settings.gate_attempts", 0),
        ("settings.precision", "int4"),
        ("settings.frames_precision", 7),
    ],
)
def test_edited_inputs_are_refused_in_one_line(path: str, value: object, tmp_path: Path) -> None:
    place = archive(tmp_path, edited(INPUTS, path, value), PROVENANCE)
    refused_and_shown(place)


def refused_and_shown(place: Path) -> None:
    with pytest.raises(InputError) as refusal:
        render_job(place, place.parent / "rendered", Path("none"))
    assert "was not made by a rollout of this drivesim" in str(refusal.value)
    assert refusal.value.explained().isprintable()
    shown = CliRunner().invoke(app, ["inspect", str(place)], catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.stdout.replace("\n", "").isprintable()
