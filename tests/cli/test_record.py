"""`drivesim record` as users call it: values that cannot be, other settings, packed footage, full disks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import DriveLog
from drivesim.data.packed import PackedFootage
from drivesim.errors import DrivesimError, FootageError


def record(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "drivesim", "record", "--workers", "1", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "100000x200000"], "up to 2048x4096 pixels"),
        (["--size", "²x²"], "expected even HEIGHTxWIDTH"),
        (["--size", "9" * 5000 + "8x2"], "expected even HEIGHTxWIDTH"),
        (["--packed", "--size", "64x128,64x64"], "same proportions"),
        (["--size", "64x128,32x64"], "several are for --packed"),
    ],
)
def test_values_that_cannot_be_are_refused_before_anything_is_made(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    sizes = [] if "--size" in arguments else ["--size", "32x64"]
    frames = [] if "--frames" in arguments else ["--frames", "2"]
    command = ["record", "--out", str(tmp_path / "logs"), "--logs", "1", *sizes, *frames, *arguments]
    with pytest.raises(FootageError, match=message):
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--frames", "0"], ["--packed", "--seed", "-1"]])
def test_values_out_of_bounds_are_refused_before_anything_is_made(tmp_path: Path, arguments: list[str]) -> None:
    refused = CliRunner().invoke(app, ["record", "--out", str(tmp_path / "logs"), "--logs", "1", *arguments])
    assert refused.exit_code == 2
    assert arguments[-2] in refused.output
    assert not (tmp_path / "logs").exists()


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = record("--out", tmp_path / "logs", "--logs", 1, "--frames", 2, "--size", "100000x200000")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1


def test_logs_of_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    session = ["record", "--out", str(tmp_path), "--logs", "1", "--workers", "1", "--json"]
    done = CliRunner().invoke(app, [*session, "--frames", "2", "--size", "32x64"])
    assert json.loads(done.stdout)["recorded"] == 1
    with pytest.raises(DrivesimError) as refused:
        CliRunner().invoke(app, [*session, "--frames", "5", "--size", "32x64", "--fps", "20"], catch_exceptions=False)
    assert "fps 10.0 (asked for: 20.0), frames 2 (asked for: 5)" in str(refused.value)
    assert refused.value.exit_code == 2


def test_packed_footage_is_recorded_at_several_sizes_and_the_command_goes_on(tmp_path: Path) -> None:
    session = ["record", "--out", str(tmp_path), "--packed", "--size", "32x64,16x32", "--fps", "40", "--workers", "1"]
    for recorded, existing in ((1, 0), (0, 1)):
        done = CliRunner().invoke(app, [*session, "--frames", "256", "--logs", "1", "--json"])
        summary = json.loads(done.stdout)
        assert (summary["recorded"], summary["existing"]) == (recorded, existing)
    for size in ("32x64", "16x32"):
        assert len(PackedFootage.open(tmp_path / ".packed" / size).frames) == 256


def test_a_full_disk_is_one_line_and_the_command_continues(on_small_disk: Callable) -> None:
    def fill(disk) -> None:
        disk.resize(12 * 4096)
        session = ("--out", disk.folder / "logs", "--frames", 6, "--size", "64x128", "--logs", 4)
        ended = record(*session)
        assert ended.returncode == 1, ended
        assert "No space left on device; make room" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        disk.resize(2**22)
        assert record(*session).returncode == 0
        logs = sorted((disk.folder / "logs").glob("world_*"))
        assert len(logs) == 4
        assert all(len(list(DriveLog.open(log).stream())) == 6 for log in logs)

    on_small_disk(fill)
