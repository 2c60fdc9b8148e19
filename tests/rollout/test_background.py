"""A rollout in a process of its own: its events, its errors, its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesim.archive import check_archive, open_archive
from drivesim.errors import InputError
from drivesim.rollout import BackgroundRollout, Committed, Opened, PreviewWritten, Progress, RolloutJob, run_rollout
from drivesim.scenario import parse_scenario


def job_of(out: Path, checkpoints: Path, duration_s: float) -> RolloutJob:
    text = f"format: 1\nname: background\nboxes: []\nduration_s: {duration_s}\n"
    return RolloutJob(parse_scenario(text.encode()), out, checkpoints, 3, 1, workers=1)


def test_its_events_are_those_of_the_job(tmp_path: Path, tiny_checkpoints: Path) -> None:
    events = list(BackgroundRollout(job_of(tmp_path, tiny_checkpoints, 0.4)).events())
    assert [type(event) for event in events if not isinstance(event, Progress)] == [
        Opened, Committed, PreviewWritten, PreviewWritten, PreviewWritten,
    ]  # fmt: skip
    assert open_archive(tmp_path / "background.zarr").complete


def test_cancelled_in_the_middle_it_ends_and_continues_to_the_same_bits(tmp_path: Path, tiny_checkpoints: Path) -> None:
    whole, cut = job_of(tmp_path / "whole", tiny_checkpoints, 4.0), job_of(tmp_path / "cut", tiny_checkpoints, 4.0)
    rollout = BackgroundRollout(cut)
    for event in rollout.events():
        if isinstance(event, Committed):
            rollout.cancel()
    rollout.cancel()
    cancelled = open_archive(cut.archive_path)
    assert cancelled.rollouts[0].num_committed_windows >= 1
    assert check_archive(cut.archive_path, read_data=True) == []
    for job in (cut, whole):
        list(run_rollout(job))
    hashes = [open_archive(job.archive_path).rollouts[0].content_sha256 for job in (cut, whole)]
    assert hashes[0] == hashes[1]


def test_an_error_of_the_job_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list(BackgroundRollout(job_of(tmp_path, tmp_path / "no_models", 0.4)).events())
