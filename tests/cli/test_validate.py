from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivesim.assets import scenario_library
from drivesim.cli.main import app

GOOD = sorted(scenario_library().glob("*.yaml"))


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text("format: 1\nname: bad\nspeed: 3\nseed: x\n")
    return file


def test_valid_files_are_named_on_stdout() -> None:
    result = invoke("validate", *GOOD)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"{file}: valid" for file in GOOD]
    assert result.stderr == ""


def test_problems_go_to_stderr_and_the_other_files_are_still_checked(bad: Path, tmp_path: Path) -> None:
    result = invoke("validate", bad, GOOD[0], tmp_path / "nowhere.yaml")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [f"{GOOD[0]}: valid"]
    first, line, underlined, second, *_, last = result.stderr.splitlines()
    assert first.startswith(f"{bad}:3:1: unknown key `speed`")
    assert (line, underlined) == ("  3 | speed: 3", "    | ^^^^^")
    assert second.startswith(f"{bad}:4:7: `seed`: expected a whole number")
    assert last == f"{tmp_path / 'nowhere.yaml'}: no such scenario file"


def test_json_is_one_document_with_places(bad: Path) -> None:
    result = invoke("validate", "--json", bad, GOOD[0])
    assert result.exit_code == 2
    wrong, right = json.loads(result.stdout)
    assert (wrong["file"], wrong["valid"]) == (str(bad), False)
    assert [(problem["line"], problem["column"]) for problem in wrong["problems"]] == [(3, 1), (4, 7)]
    assert right == {"file": str(GOOD[0]), "valid": True, "name": GOOD[0].stem, "problems": []}


def test_the_schema_describes_every_field_with_its_range() -> None:
    document = json.loads(invoke("schema").stdout)
    assert document["required"] == ["format", "name"]
    assert document["additionalProperties"] is False
    fields = {**document["properties"], **document["$defs"]["Box"]["properties"]}
    fields |= document["$defs"]["Sampling"]["properties"]
    assert all(field.get("description") for field in fields.values())
    assert (fields["duration_s"]["minimum"], fields["duration_s"]["maximum"]) == (0.4, 3600)
    assert document["$defs"]["Box"]["properties"]["category"]["enum"] == ["car", "van", "truck", "bus"]
