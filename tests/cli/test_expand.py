"""`expand`, `new` and `schema`: files that come out are scenarios again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivesim.assets import scenario_library
from drivesim.cli.main import app
from drivesim.errors import InputError, ScenarioError
from drivesim.scenario import load_case, load_scenario
from drivesim.scenario.text.yaml_document import read_document

SWEPT = """\
format: 1
name: swept
boxes:
  - {category: car, xyxy: [400, 260, 520, 340]}
sweep:
  method: grid
  vary:
    time_of_day: {choice: [day, night, null]}
    boxes[0].xyxy[0]: {uniform: [300, 400], levels: 2}
"""


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def swept(tmp_path: Path) -> Path:
    file = tmp_path / "swept.yaml"
    file.write_text(SWEPT)
    return file


def test_count_is_one_number(swept: Path) -> None:
    assert invoke("expand", swept, "--count").stdout == "6\n"
    assert invoke("expand", scenario_library() / "night_lead_vehicle.yaml", "--count").stdout == "1\n"


def test_an_expanded_file_is_the_case_that_rollout_takes(swept: Path, tmp_path: Path) -> None:
    out = tmp_path / "cases"
    assert invoke("expand", swept, "--out", out).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["cases.csv", *(f"swept_000{n}.yaml" for n in range(6))]
    for index in range(6):
        alone, case = load_scenario(out / f"swept_000{index}.yaml"), load_case(swept, index)
        assert alone == case
        assert alone.canonical() == case.canonical()
    names, first, *_ = csv.reader((out / "cases.csv").open())
    assert names == ["name", "boxes[0].xyxy[0]", "time_of_day"]
    assert first == ["swept_0000", "300.0", "day"]


def test_cases_are_printed_as_one_document_each(swept: Path) -> None:
    documents = invoke("expand", swept).stdout.split("---\n")
    assert len(documents) == 6
    assert invoke("expand", swept, "--index", "4").stdout == documents[4]
    assert read_document(documents[4].encode(), "4").value["name"] == "swept_0004"


def test_nothing_is_written_where_a_case_is_wrong(swept: Path, tmp_path: Path) -> None:
    swept.write_text(SWEPT.replace("[300, 400], levels: 2", "[300, 530], levels: 30"))
    result = invoke("expand", swept, "--out", tmp_path / "cases")
    assert isinstance(result.exception, ScenarioError)
    assert not (tmp_path / "cases").exists()


def test_the_file_itself_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("format: 1\nname: one\n")
    result = invoke("expand", file, "--out", tmp_path)
    assert isinstance(result.exception, InputError)
    assert file.read_text() == "format: 1\nname: one\n"


def test_a_case_that_is_not_there_is_an_input_error(swept: Path) -> None:
    for arguments in (("expand", swept, "--index", "6"), ("rollout", swept, "--out", swept.parent / "out")):
        result = invoke(*arguments)
        assert isinstance(result.exception, InputError)
        assert "6 cases" in str(result.exception)


@pytest.mark.parametrize("template", sorted(path.stem for path in scenario_library().glob("*.yaml")))
def test_new_makes_a_valid_scenario_of_its_own_name(template: str, tmp_path: Path) -> None:
    result = invoke("new", "mine-1", "--template", template, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    file = tmp_path / "mine-1.yaml"
    assert load_scenario(file).name == "mine-1"
    assert load_scenario(file).canonical() == load_scenario(scenario_library() / f"{template}.yaml").canonical()
    assert file.read_text().splitlines()[0] == "# yaml-language-server: $schema=scenario.schema.json"
    assert (tmp_path / "scenario.schema.json").is_file()


def test_new_writes_over_nothing_and_suggests_templates(tmp_path: Path) -> None:
    assert invoke("new", "1e3", "--out", tmp_path).exit_code == 0
    for arguments, said in (
        (("new", "1e3", "--out", tmp_path), "exists already"),
        (("new", "x", "--template", "cut_in_dya", "--out", tmp_path), "did you mean cut_in_day?"),
        (("new", "../x", "--out", tmp_path), "expected letters"),
    ):
        result = invoke(*arguments)
        assert isinstance(result.exception, InputError)
        assert said in str(result.exception)
    listed = invoke("new", "--list")
    assert listed.exit_code == 0
    assert {line.split()[0] for line in listed.stdout.splitlines()} == {
        path.stem for path in scenario_library().glob("*.yaml")
    }
    assert all(len(line.split()) > 4 for line in listed.stdout.splitlines())


def test_the_schema_beside_the_library_is_that_of_this_version() -> None:
    shipped = (scenario_library() / "scenario.schema.json").read_text()
    assert shipped == invoke("schema").stdout, "run: drivesim schema > scenarios/scenario.schema.json"


def test_every_shipped_scenario_names_the_schema_and_its_purpose() -> None:
    for file in scenario_library().glob("*.yaml"):
        purpose, language_server, *_ = file.read_text().splitlines()
        assert purpose.startswith("# ")
        assert language_server == "# yaml-language-server: $schema=scenario.schema.json"


def test_the_schema_describes_every_field_of_every_part() -> None:
    document = json.loads(invoke("schema").stdout)
    for part in (document, *document["$defs"].values()):
        assert part["additionalProperties"] is False
        for name, field in part["properties"].items():
            assert field.get("description"), name


def test_a_case_and_its_file_give_the_same_archive(swept: Path, tmp_path: Path, tiny_checkpoints: Path) -> None:
    swept.write_text(SWEPT + "duration_s: 0.5\nfutures: 1\nsampling: {steps: 2}\n")
    assert invoke("expand", swept, "--out", tmp_path / "cases").exit_code == 0
    options = ("--checkpoints", tiny_checkpoints, "--device", "cpu", "--workers", "1")
    for folder, scenario in (("a", (swept, "--index", "4")), ("b", (tmp_path / "cases" / "swept_0004.yaml",))):
        result = invoke("rollout", *scenario, "--out", tmp_path / folder, *options)
        assert result.exit_code == 0, result.output
    first, second = (
        {path.relative_to(tmp_path / folder): path.read_bytes() for path in (tmp_path / folder).rglob("*.zarr/**/*.*")}
        for folder in ("a", "b")
    )
    assert len(first) > 3
    assert first == second


def test_results_of_formulas_are_written_without_the_noise_of_their_last_digits(tmp_path: Path) -> None:
    file = tmp_path / "formula.yaml"
    file.write_text(
        "format: 1\nname: formula\nego: {speed_mps: 10}\nsweep:\n  method: grid\n  vary:\n"
        "    seed: {choice: [1, 2]}\n    ego.speed_mps: {equals: 0.1 + 0.2}\n"
    )
    assert load_case(file, 0).ego.speed_mps == 0.3
    assert "speed_mps: 0.3}" in invoke("expand", file, "--index", "0").stdout
