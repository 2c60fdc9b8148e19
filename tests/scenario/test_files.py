from __future__ import annotations

from pathlib import Path

import pytest

from drivesim.errors import InputError
from drivesim.scenario.files import scenario_files


def _write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def test_a_folder_gives_its_scenarios_in_order_without_hidden_ones(tmp_path: Path) -> None:
    hidden = (".ipynb_checkpoints/a-checkpoint.yaml", ".trash/b.yaml", "deep/._c.yaml", "deep/.cache/d/e.yml")
    _write(tmp_path, "b.yaml", "a.yml", "deep/c.yaml", "notes.txt", *hidden)
    (tmp_path / "folder.yaml").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in scenario_files([tmp_path])]
    assert found == ["a.yml", "b.yaml", "deep/c.yaml"]


def test_what_is_named_is_taken_even_if_it_is_hidden(tmp_path: Path) -> None:
    root = tmp_path / ".hidden"
    _write(root, "a.yaml", ".b.yaml")
    assert list(scenario_files([root, root / ".b.yaml"])) == [root / "a.yaml", root / ".b.yaml"]


def test_a_folder_of_hidden_files_alone_holds_no_scenarios(tmp_path: Path) -> None:
    _write(tmp_path, "._a.yaml")
    with pytest.raises(InputError, match="holds no scenario files"):
        list(scenario_files([tmp_path]))
