from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.scenario import load_scenario

SAMPLE = Path(__file__).parent.parent / "scenario" / "interchange" / "openscenario" / "cut_in.xosc"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["import", *(str(argument) for argument in arguments)])


def test_the_scenario_is_printed_and_the_losses_are_listed_with_their_lines() -> None:
    result = run(SAMPLE)
    assert result.exit_code == 0
    assert result.stdout.startswith("# From cut_in.xosc: A van cuts in and brakes\nformat: 1\nname: cut_in\n")
    assert f"{SAMPLE}:34: dropped entity Walker: Pedestrian: only vehicles are drawn" in result.stderr.splitlines()


def test_a_written_scenario_is_valid_and_not_written_over(tmp_path: Path) -> None:
    result = run(SAMPLE, "--out", tmp_path / "new")
    file = tmp_path / "new" / "cut_in.yaml"
    assert result.stdout == f"{file}\n"
    assert CliRunner().invoke(app, ["validate", str(file)]).exit_code == 0
    [target] = load_scenario(file).actors
    # 19.5 m/s after the ego at 15: from 8 m to 0.9 s of headway, 13.5 m, in 1.25 s.
    assert [(made.type, made.start_s) for made in target.manoeuvres] == [("cut_in", 1.25), ("brake", 4.75)]
    again = run(SAMPLE, "--out", file)
    assert isinstance(again.exception, InputError)
    assert "exists already" in str(again.exception)


def test_a_file_that_cannot_be_read_is_bad_input() -> None:
    error = run("a" * 300 + ".xosc").exception
    assert isinstance(error, InputError)
    assert "cannot be read" in str(error)


def test_a_name_may_be_given(tmp_path: Path) -> None:
    assert run(SAMPLE, "--out", tmp_path / "other.yaml").stdout == f"{tmp_path / 'other.yaml'}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<OpenSCENARIO>", "not valid XML"), (b"<!DOCTYPE a><a/>", "a document type"), (None, "no such file")],
)
def test_a_bad_file_is_bad_input(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "bad.xosc"
    if content is not None:
        file.write_bytes(content)
    error = run(file).exception
    assert isinstance(error, InputError)
    assert str(error).startswith(f"{file}:")
    assert message in str(error)
