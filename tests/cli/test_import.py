from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivesim.cli import import_scenario
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
    # 19.5 m/s after the ego at 15: from 7.7 m to 0.9 s of headway, 13.5 m, in 1.3 s; then 3 s, and half a second.
    assert "at 1.32 s Target changes to lane 0" in result.stderr
    assert "at 4.82 s Target goes to 9 m/s within 3.5 s" in result.stderr
    assert target.trajectory[-1][0] == pytest.approx(9.32)
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


UNKNOWN = SAMPLE.read_text().replace("TimeHeadwayCondition", "SomeNewCondition")


def test_what_is_unknown_is_refused_by_name_and_left_out_on_demand(tmp_path: Path) -> None:
    file = tmp_path / "new.xosc"
    file.write_text(UNKNOWN)
    refused = run(file)
    assert isinstance(refused.exception, InputError)
    first, last = refused.exception.explained().splitlines()
    assert first.endswith("new.xosc:114: unknown condition far enough ahead of Cut: SomeNewCondition is not supported")
    assert last.endswith("; --lenient leaves it out")
    result = run(file, "--lenient")
    assert result.exit_code == 0
    assert "new.xosc:114: unknown condition" in result.stderr
    assert "dropped event Cut: what it waits for does not come about" in result.stderr


def test_long_trajectories_are_written_beside_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_scenario, "MAX_INLINE_ROWS", 10)
    assert "give --out, for CSV files beside" in str(run(SAMPLE).exception)
    result = run(SAMPLE, "--out", tmp_path)
    assert result.exit_code == 0
    rows = (tmp_path / "cut_in_Target.csv").read_text().splitlines()
    assert rows[0] == "time_s,distance_m,lateral_m"
    [target] = load_scenario(tmp_path / "cut_in.yaml").actors
    assert len(target.trajectory) == len(rows) - 1


def test_a_description_with_control_characters_makes_a_valid_file(tmp_path: Path) -> None:
    file = tmp_path / "odd.xosc"
    file.write_text(
        SAMPLE.read_text().replace("A van cuts in and brakes", "A van\x85 cuts&#x9;in &#x7f;\u2028\u202e now")
    )
    assert run(file, "--out", tmp_path).exit_code == 0
    assert load_scenario(tmp_path / "odd.yaml").name == "odd"
