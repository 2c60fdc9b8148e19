from __future__ import annotations

import json
import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivesim.cli import machine
from drivesim.cli.main import app


def doctor(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    return result.exit_code, {finding["subject"]: finding for finding in json.loads(result.stdout)}


def test_missing_checkpoints_are_named_with_a_remedy(tmp_path: Path) -> None:
    code, findings = doctor("--checkpoints", str(tmp_path))
    assert code == 1
    assert findings["checkpoints"]["state"] == "missing"
    assert str(tmp_path) in findings["checkpoints"]["detail"]
    assert findings["checkpoints"]["remedy"]


def test_what_is_installed_here_is_found(tmp_path: Path) -> None:
    _, findings = doctor("--checkpoints", str(tmp_path))
    assert {findings[subject]["state"] for subject in ("python", "torch", "pictures", "video")} == {"ok"}


@pytest.mark.parametrize(("extra", "module"), [("world", "panda3d"), ("ray", "ray")])
def test_an_extra_is_ok_or_optional_with_its_install_command(tmp_path: Path, extra: str, module: str) -> None:
    _, findings = doctor("--checkpoints", str(tmp_path))
    if find_spec(module):
        assert findings[extra]["state"] == "ok"
    else:
        assert findings[extra]["state"] == "optional"
        assert f"drivesim[{extra}]" in findings[extra]["remedy"]


def test_a_library_that_does_not_load_is_missing_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(machine, "_opencv", fail)
    found = {finding.subject: finding for finding in machine.examine(tmp_path)}["pictures"]
    assert (found.state, "libGL.so.1" in found.detail) == ("missing", True)
    assert "apt-get install" in found.remedy


def test_the_remedy_fits_how_drivesim_was_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise ImportError("no torch")

    monkeypatch.setattr(machine, "_torch", fail)
    for makefile, remedy in ((False, "pip install --force-reinstall drivesim"), (True, "make setup")):
        if makefile:
            (tmp_path / "Makefile").touch()
        monkeypatch.setattr(machine.drivesim, "__file__", str(tmp_path / "drivesim" / "__init__.py"))
        found = {finding.subject: finding for finding in machine.examine(tmp_path)}["torch"]
        assert found.remedy == remedy


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 20})())
    found = {finding.subject: finding for finding in machine.examine(tmp_path)}["disk"]
    assert found.state == "missing"


def test_the_text_shows_each_part_on_a_line(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["doctor", "--checkpoints", str(tmp_path)]).stdout
    states = [line.split()[0] for line in shown.splitlines() if not line.startswith(" ")]
    assert set(states) <= {"ok", "missing", "optional"}
    assert len(states) >= 8


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    from drivesim.models.checkpoints import ROLES, write_manifest
    from drivesim.models.presets import preset_named

    for role in ROLES:
        (tmp_path / f"{role}.safetensors").write_bytes(role.encode())
    write_manifest(tmp_path, preset_named("tiny"))
    assert doctor("--checkpoints", str(tmp_path))[1]["checkpoints"]["state"] == "ok"

    (tmp_path / "prediction.safetensors").write_bytes(b"other")
    found = doctor("--checkpoints", str(tmp_path))[1]["checkpoints"]
    assert found["state"] == "missing"
    assert "prediction" in found["detail"]
    assert "interpolation" not in found["detail"]


@pytest.mark.parametrize("obstacle", ["folder", "pipe", "nothing", "other bytes"])
def test_a_checkpoint_that_cannot_be_read_is_named_and_the_rest_examined(
    obstacle: str, tiny_checkpoints: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(tiny_checkpoints, folder)
    path = folder / "image.safetensors"
    path.unlink()
    match obstacle:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "other bytes":
            path.write_bytes(b"other")
    code, findings = doctor("--checkpoints", str(folder))
    assert code == 1
    assert str(path) in findings["checkpoints"]["detail"]
    assert "disk" in findings


@pytest.mark.parametrize("manifest", ["pipe", "folder", "not finite"])
def test_a_manifest_that_cannot_be_used_is_named(manifest: str, tiny_checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(tiny_checkpoints, folder)
    path = folder / "manifest.json"
    text = path.read_text()
    path.unlink()
    match manifest:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "not finite":
            path.write_text(re.sub(r'("keyframe_fps": )[0-9.]+', r"\1NaN", text))
    _, findings = doctor("--checkpoints", str(folder))
    assert str(path) in findings["checkpoints"]["detail"]
    assert findings["checkpoints"]["state"] == "missing"
