"""A quick look at an archive of latents: small videos, with and without the frames between keyframes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from drivesim.archive import open_archive
from drivesim.cli.main import app
from drivesim.engine import Engine
from drivesim.errors import InputError
from drivesim.rollout.archived import archived_job
from drivesim.rollout.identity import settings_of
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.low_resolution import LowResolution
from drivesim.rollout.running import Committed, run_rollout
from drivesim.scenario import Scenario


@pytest.fixture(scope="module")
def job(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> RolloutJob:
    """A rollout that keeps latents alone: future 0 is complete, future 1 has its first window."""
    torch.set_num_threads(1)
    given = {"format": 1, "name": "case", "duration_s": 4.0, "seed": 3, "sampling": {"steps": 1}}
    job = RolloutJob(
        Scenario.model_validate(given), tmp_path_factory.mktemp("latents"), tiny_checkpoints, 3, 2, frame_storage="none"
    )
    events = run_rollout(job, Engine.load(tiny_checkpoints))
    while True:
        event = next(events)
        if isinstance(event, Committed) and event.future == 1:
            break
    events.close()
    assert [rollout.num_committed_windows for rollout in open_archive(job.archive_path).rollouts] == [2, 1]
    return job


def shown(job: RolloutJob, out: Path, between: bool = True) -> LowResolution:
    return LowResolution.open(archived_job(job.archive_path, out, job.checkpoints), between)


def num_frames(video: Path) -> int:
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_frames_are_those_before_the_upsampler(job: RolloutJob, tmp_path: Path) -> None:
    look = shown(job, tmp_path)
    latents = open_archive(job.archive_path).rollouts[0].latents[:]
    future = Engine.load(job.checkpoints).future(job.scenario, 0, job.seed, settings_of(job))
    expected = [future.low_resolution(0, latents[0], None), future.low_resolution(1, latents[1], latents[0])]
    windows = list(look.windows(0))
    assert all(np.array_equal(one, two) for one, two in zip(windows, expected, strict=True))
    assert sum(map(len, windows)) == 40
    assert sum(map(len, look.windows(1))) == look.num_windows(1) * len(windows[0])


def test_keyframes_alone_are_a_quarter_of_the_frames_at_a_quarter_of_the_rate(job: RolloutJob, tmp_path: Path) -> None:
    look, every = shown(job, tmp_path, between=False), shown(job, tmp_path)
    assert 4 * look.fps == every.fps == 10
    assert sum(map(len, look.windows(0))) == 10
    assert look.video(0) != every.video(0)


@pytest.mark.parametrize(("option", "name", "frames"), [("--low", "low", 40), ("--keyframes", "keyframes", 10)])
def test_the_command_writes_small_videos_and_no_archive(
    option: str, name: str, frames: int, job: RolloutJob, tmp_path: Path
) -> None:
    arguments = ["render", str(job.archive_path), "--out", str(tmp_path), "--checkpoints", str(job.checkpoints)]

    def run() -> list[str]:
        result = CliRunner().invoke(app, [*arguments, option, "--json"], catch_exceptions=False)
        assert result.exit_code == 0
        written: list[str] = json.loads(result.stdout)["written"]
        return written

    videos = [tmp_path / "case" / f"{name}_{future:02d}.mp4" for future in (0, 1)]
    assert run() == list(map(str, videos))
    assert [path.name for path in tmp_path.iterdir()] == ["case"]
    assert num_frames(videos[0]) == frames
    before = [video.stat().st_mtime_ns for video in videos]
    run()
    assert [video.stat().st_mtime_ns for video in videos] == before


def test_latents_of_other_checkpoints_are_refused(job: RolloutJob, tmp_path: Path) -> None:
    archive = shutil.copytree(job.archive_path, tmp_path / "other.zarr")
    asked = archived_job(archive, tmp_path, job.checkpoints)
    with pytest.raises(InputError, match="preset"):
        LowResolution.open(RolloutJob(**{**vars(asked), "preset": "quality"}))
