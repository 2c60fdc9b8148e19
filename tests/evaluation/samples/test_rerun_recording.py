"""A recording is read back by Rerun's own program."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from drivesim.archive import Archive, open_archive
from drivesim.cli.export import export
from drivesim.detection.detections import Detections
from drivesim.errors import InputError, MissingExtraError
from drivesim.evaluation.samples.rerun_recording import write_rerun
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

SEEN = Detections(np.float32([[0.5, 0.5, 0.75, 1.0]]), np.array([3]), np.float32([0.625]))
FRAMES = 5


@pytest.fixture(scope="module")
def archive(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    given = {
        "format": 1,
        "name": "case",
        "boxes": [{"category": "van", "xyxy": [256, 128, 512, 256]}],
        "duration_s": 0.5,
        "sampling": {"steps": 1},
    }
    job = RolloutJob(Scenario.model_validate(given), tmp_path_factory.mktemp("rerun"), checkpoints, seed=3, futures=1)
    list(run_rollout(job))
    return open_archive(job.archive_path)


@pytest.fixture
def rerun(tmp_path: Path) -> Callable[..., str]:
    """What Rerun's program says of a recording."""
    pytest.importorskip("rerun", reason="needs rerun-sdk, the extra `export`")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def run(*arguments: object) -> str:
        command = [sys.executable, "-m", "rerun", "rrd", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
        return done.stdout + done.stderr

    return run


def rows(listing: str) -> dict[str, int]:
    """Number of rows of each entity."""
    found: dict[str, int] = {}
    for count, entity in re.findall(r"with (\d+) rows \(.*?\) - /(\S+)", listing):
        found[entity] = found.get(entity, 0) + int(count)
    return found


def test_frames_boxes_and_ego_are_on_one_timeline(archive: Archive, tmp_path: Path, rerun: Callable[..., str]) -> None:
    path = tmp_path / "new" / "future_00.rrd"
    write_rerun(archive, archive.rollouts[0], lambda frames: [SEEN] * len(frames), path)
    assert "verified without error" in rerun("verify", path)
    listing = rerun("print", path)
    assert rows(listing) == dict.fromkeys(
        (
            "camera/frame",
            "camera/frame/requested",
            "camera/frame/detected",
            "ego/speed_mps",
            "ego/yaw_rate_rad_per_s",
            "road/ego",
        ),
        FRAMES,
    )
    details = rerun("print", "-vvv", path)
    assert set(re.findall(r"index_name: (\w+)", details)) == {"time"}
    assert "bus 0.62" in rerun("print", "-vvv", "--entity", "/camera/frame/detected", path)
    requested = rerun("print", "-vvv", "--entity", "/camera/frame/requested", path)
    assert "van" in requested
    assert "[96.0, 48.0]" in requested, "the middle of the box, in pixels of frames of 128x256"
    assert [file.name for file in path.parent.iterdir()] == ["future_00.rrd"]


def test_export_writes_a_recording_per_future(archive: Archive, checkpoints: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="needs rerun-sdk, the extra `export`")
    app = typer.Typer()
    app.command()(export)
    arguments = [str(archive.path), "--format", "rerun", "--out", str(tmp_path), "--checkpoints", str(checkpoints)]
    shown = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
    assert shown.split() == [str(tmp_path / "future_00.rrd")]
    assert (tmp_path / "future_00.rrd").stat().st_size > 1000


def test_without_rerun_the_extra_is_named(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'drivesim\[export\]'"):
        write_rerun(archive, archive.rollouts[0], lambda frames: [], tmp_path / "a.rrd")


def test_a_place_that_cannot_be_written_is_named(archive: Archive, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="needs rerun-sdk, the extra `export`")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another --out"):
        write_rerun(archive, archive.rollouts[0], lambda frames: [], tmp_path / "file" / "a.rrd")
