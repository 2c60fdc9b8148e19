from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.models.checkpoints import CheckpointSet


def _run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_set_is_stored_smaller_and_each_stage_is_told(tiny_checkpoints: Path, tmp_path: Path) -> None:
    result = _run("compress", tiny_checkpoints, "--out", tmp_path / "int8")
    assert result.exit_code == 0, result.output
    made = CheckpointSet.open(tmp_path / "int8")
    made.verify_all()
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(made.path(role)) for role in made.roles]
    sizes = [sum(file.stat().st_size for file in folder.iterdir()) for folder in (made.folder, tiny_checkpoints)]
    assert sizes[0] < 0.75 * sizes[1]


def test_stages_can_be_chosen_and_mistakes_are_named(tiny_checkpoints: Path, tmp_path: Path) -> None:
    assert _run("compress", tiny_checkpoints, "--out", tmp_path / "one", "--stage", "decoder").exit_code == 0
    before, after = CheckpointSet.open(tiny_checkpoints), CheckpointSet.open(tmp_path / "one")
    assert [role for role in before.roles if before.sha256[role] != after.sha256[role]] == ["decoder"]
    result = _run("compress", tiny_checkpoints, "--out", tmp_path / "two", "--stage", "engine")
    assert isinstance(result.exception, InputError)
    assert "got engine" in str(result.exception)
    result = _run("compress", tmp_path / "nothing", "--out", tmp_path / "three")
    assert result.exit_code != 0


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_place_that_cannot_be_a_folder_is_named(tiny_checkpoints: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").touch()
    result = _run("compress", tiny_checkpoints, "--out", tmp_path / out)
    assert isinstance(result.exception, InputError)
    assert str(tmp_path / out) in str(result.exception)


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_weights_of_eight_bits_are_no_precision_to_compute_in(precision: str, tmp_path: Path) -> None:
    assert _run("rollout", tmp_path / "a.yaml", "--out", tmp_path, "--precision", precision).exit_code == 2
