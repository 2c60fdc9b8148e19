"""A batch on a disk that is really full: it says so, and the same command continues once there is room."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
    """Path -> sha256 of every file, but for those that tell of times and attempts."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("result.json", "report.json", "report.html", "junit.xml")
    }
