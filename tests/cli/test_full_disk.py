"""A batch on a disk that is really full: it says so, and the same command continues once there is room."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.errors import DrivesimError
from file_digests import file_digests

SCENARIO = "format: 1\nname: short\ntime_of_day: night\nduration_s: 0.5\nfutures: 1\nsampling: {steps: 2}\n"
# Bytes of room: for no archive, half an archive, no pictures, no report.
TOO_SMALL = (32_768, 300_000, 700_000, 1_500_000)
ROOM = 8 * 2**20


def test_a_batch_on_a_full_disk_says_so_and_continues(
    tmp_path: Path, tiny_checkpoints: Path, on_small_disk: Callable
) -> None:
    file = tmp_path / "short.yaml"
    file.write_text(SCENARIO)

    def command(out: Path) -> subprocess.CompletedProcess:
        options = ["--checkpoints", tiny_checkpoints, "--device", "cpu", "--workers", "1"]
        arguments = [sys.executable, "-m", "drivesim", "batch", file, "--out", out, *options]
        return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=240)

    whole = command(tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr

    def fill(disk) -> None:
        out = disk.folder / "out"
        for size in TOO_SMALL:
            disk.resize(size)
            ended = command(out)
            assert ended.returncode == 1, (size, ended)
            assert "No space left" in ended.stderr, (size, ended)
            assert "Traceback" not in ended.stderr, ended.stderr
        disk.resize(ROOM)
        ended = command(out)
        assert ended.returncode == 0, ended
        assert tree(out) == tree(tmp_path / "whole")

    on_small_disk(fill)


def tree(out: Path) -> dict[str, str]:
    """Returns path -> sha256 of every file, except those that record times and attempts."""
    varying = ("result.json", "report.json", "report.html", "junit.xml")
    return {path: digest for path, digest in file_digests(out).items() if Path(path).name not in varying}


LOG = "time,id,x,y\n" + "".join(
    f"{time / 10:.1f},{name},{10 * name + time + (time * time % 7) / 9:.3f},{4 * name}\n"
    for time in range(300)
    for name in range(8)
)


def test_new_files_on_a_full_disk_leave_nothing_in_the_way_of_the_same_command(
    tmp_path: Path, on_small_disk: Callable
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(LOG)
    verbs = (["new", "mine"], ["import", log, "--ego", "0"])

    def fill(disk) -> None:
        for verb in verbs:
            out = disk.folder / str(verb[0])
            words = [str(word) for word in (*verb, "--out", out)]
            for size, files in ((8192, 1000), (ROOM, 3), (ROOM, 2)):  # room for few bytes, one file, no file
                shutil.rmtree(out, ignore_errors=True)
                disk.resize(size, files)
                ended = CliRunner().invoke(app, words)
                assert isinstance(ended.exception, DrivesimError), (verb, size, files, ended.output)
                assert ended.exception.exit_code == 1, (verb, size, files, ended.exception)
                assert "make room and run the same command again" in str(ended.exception)
                assert not [path for path in out.rglob("*") if path.is_file()]
            disk.resize(ROOM)
            assert CliRunner().invoke(app, words).exit_code == 0
            shutil.rmtree(out)

    on_small_disk(fill)
