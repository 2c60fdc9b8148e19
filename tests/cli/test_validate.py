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


def test_a_file_with_many_mistakes_says_how_many_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("format: 1\nname: bad\n" + "".join(f"wrong_{number}: 1\n" for number in range(14)))
    result = invoke("validate", file, "--json")
    [document] = json.loads(result.stdout)
    assert (len(document["problems"]), document["more_problems"]) == (10, 4)
    assert result.stderr.splitlines()[-1] == "and 4 more problems"


def test_a_folder_stands_for_the_scenarios_in_it(tmp_path: Path, bad: Path) -> None:
    good = tmp_path / "deep" / "good.yaml"
    for file in (good, tmp_path / ".good.yaml"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("format: 1\nname: good\n")
    result = invoke("validate", tmp_path, "--json")
    assert result.exit_code == 2
    assert {entry["file"]: entry["valid"] for entry in json.loads(result.stdout)} == {str(bad): False, str(good): True}


SWEPT = """\
format: 1
name: swept
ego: {speed_mps: 10}
actors:
  - {category: car, distance_m: 12, speed_mps: 10, manoeuvres: [{type: brake, duration_s: 4, speed_mps: 8}]}
duration_s: 4
sweep:
  method: grid
  vary:
    actors[0].distance_m: {choice: [60, 8, 70, 6, 5]}
    actors[0].manoeuvres[0].speed_mps: {choice: [2]}
"""


@pytest.mark.parametrize("verb", ["validate", "expand"])
def test_warnings_of_cases_are_grouped_with_their_numbers(tmp_path: Path, verb: str) -> None:
    file = tmp_path / "swept.yaml"
    file.write_text(SWEPT)
    result = invoke(verb, file)
    assert result.exit_code == 0
    [warning] = result.stderr.splitlines()
    assert "warning: W211 car_0 collides with the ego at" in warning
    assert warning.endswith("as in case 1; in 3 of 5 cases (1, 3..4)")


def test_a_warning_of_a_case_fails_a_strict_check(tmp_path: Path) -> None:
    file = tmp_path / "swept.yaml"
    file.write_text(SWEPT)
    assert invoke("validate", file, "--strict").exit_code == 2
    [document] = json.loads(invoke("validate", file, "--json").stdout)
    assert (document["cases"], document["checked_cases"]) == (5, 5)
    assert len(document["warnings"]) == 1


def test_a_long_sweep_is_checked_up_to_a_bound_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivesim.cli.validate.MOST_CASES", 2)
    file = tmp_path / "swept.yaml"
    file.write_text(SWEPT)
    result = invoke("validate", file, "--json")
    [document] = json.loads(result.stdout)
    assert (document["cases"], document["checked_cases"]) == (5, 2)
    assert f"{file}: checked the first 2 of 5 cases" in result.stderr
    assert document["warnings"][0]["message"].endswith("in 1 of 2 cases (1)")
