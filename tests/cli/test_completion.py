"""Completion offers what the command line defines, without building or importing anything else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from drivesim.cli.completion import VARIABLE, candidates
from drivesim.cli.main import app

ROOT = typer.main.get_command(app)
SHELLS = ("bash", "zsh", "fish")
HEAVY = {"torch", "numpy", "pydantic", "rich", "gradio", "ray", "zarr", "cv2", "av"}


def nodes(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every verb and every group of verbs, by its words."""
    yield path, command
    for name, found in getattr(command, "commands", {}).items():
        yield from nodes(found, (*path, name))


NODES = dict(nodes())


def offered(*words: str) -> list[str]:
    return [candidate.word for candidate in candidates(app, list(words[:-1]), words[-1])]


@pytest.mark.parametrize("path", NODES, ids=" ".join)
def test_every_verb_and_option_is_offered(path: tuple[str, ...]) -> None:
    command = NODES[path]
    options = [
        name
        for param in command.params
        if param.param_type_name == "option" and not param.hidden
        for name in (*param.opts, *param.secondary_opts)
    ]
    assert set(offered(*path, "--")) == {*options, "--help"}
    if hasattr(command, "commands"):
        visible = {name for name, found in command.commands.items() if not found.hidden}
        assert set(offered(*path, "")) == visible


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ro",), ["rollout"]),
        (("rollout", "--preset", ""), ["fast", "quality"]),
        (("rollout", "a.yaml", "--preset", "q"), ["quality"]),
        (("rollout", "--preset=f"), ["--preset=fast"]),
        (("export", "a.zarr", "--format", "m"), ["mp4"]),
        (("ingest", "kitti"), ["kitti-raw", "kitti-tracking"]),
        (("ingest", "video", ""), []),  # the name of a file
        (("rollout", ""), []),
        (("rollout", "--out", ""), []),
        (("rollout", "--seed", ""), []),
        (("train", "autoe"), ["autoencoder"]),
        (("nonsense", "--"), []),
        (("rollout", "--json", "--js"), []),  # given already
        (("batch", "--seed", "1", "--seed"), ["--seed", "--seeds"]),  # may be given again
    ],
)
def test_values_are_offered_where_they_are_known(words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(*words) == expected


def asked(shell: str, line: str, code: str = "from drivesim.cli.main import main; main()") -> str:
    words = line.split()
    environment = {
        **os.environ,
        VARIABLE: f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - (not line.endswith(" "))),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    answered = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert answered.stderr == ""
    return answered.stdout.strip()


@pytest.mark.parametrize(
    ("shell", "line", "expected"),
    [
        ("bash", "drivesim rol", "rollout"),
        ("bash", "drivesim rollout --preset = q", "quality"),
        ("zsh", "drivesim rol", '_arguments \'*: :(("rollout":"Make the futures of a scenario as videos"))\''),
        ("zsh", "drivesim rollout ", "_files"),
        ("fish", "drivesim rol", "rollout\tMake the futures of a scenario as videos"),
    ],
)
def test_each_shell_is_answered_in_its_form(shell: str, line: str, expected: str) -> None:
    assert asked(shell, line) == expected


def test_an_answer_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from drivesim.cli.main import main\n"
        "try: main()\n"
        f"except SystemExit: print(sorted({HEAVY!r} & sys.modules.keys()))"
    )
    assert asked("bash", "drivesim rollout --pres", code).splitlines() == ["--preset", "[]"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_installed_and_asks_as_it_is_answered(shell: str, tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "drivesim", "--install-completion", shell]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout
    assert f"{shell} completion installed" in said
    scripts = [path for path in tmp_path.rglob("*drivesim*") if path.is_file()]
    assert len(scripts) == 1
    assert f"{VARIABLE}=complete_{shell}" in scripts[0].read_text()
    if shell == "bash":
        program = tmp_path / "bin" / "drivesim"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m drivesim "$@"\n')
        program.chmod(0o755)
        line = "source ~/.bashrc; COMP_WORDS=(drivesim chec); COMP_CWORD=1; _drivesim_completion drivesim; "
        environment["PATH"] = f"{program.parent}:{environment['PATH']}"
        shown = subprocess.run(
            ["bash", "--norc", "-c", line + 'echo "${COMPREPLY[@]}"'],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert shown.stdout.strip() == "check"
