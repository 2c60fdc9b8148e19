"""How far a rollout is, by future and by stage, and when it will be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesim.rollout import STAGE_SHARES
from ui.jobs import DONE, RUNNING, JobState
from ui.progress import FutureProgress, Pace, stage_progress
from ui.progress_view import progress_html


def test_time_left_follows_from_the_work_since_the_first_part() -> None:
    pace = Pace()
    assert pace.seconds_left(0.0) is None
    pace.observe(100.0, 0.1)  # the models took 100 s to load, which says nothing about the work
    assert pace.seconds_left(100.0) is None
    pace.observe(110.0, 0.3)
    assert pace.seconds_left(110.0) == pytest.approx(35.0)
    assert pace.seconds_left(120.0) == pytest.approx(25.0)
    assert pace.seconds_left(500.0) == 0.0


def test_a_future_is_the_mean_of_its_windows_whatever_their_order() -> None:
    future = FutureProgress(windows=[0.0, 0.0])
    future.reach(1, 0.15)
    future.reach(0, 0.6)
    future.reach(0, 0.3)
    assert future.fraction == pytest.approx(0.375)


def test_the_stages_together_are_the_whole_work() -> None:
    futures = [FutureProgress(windows=[0.3, 0.15]), FutureProgress(windows=[0.5, 1.0])]
    pace = Pace()
    pace.observe(0.0, 0.0)
    pace.observe(10.0, sum(future.fraction for future in futures) / 2)
    stages = stage_progress(futures, pace)
    assert [stage.stage for stage in stages] == list(STAGE_SHARES)
    assert [stage.fraction for stage in stages] == sorted((s.fraction for s in stages), reverse=True)
    assert stages[0].fraction == pytest.approx(1.0)
    assert stages[1].fraction == pytest.approx(0.75)
    whole = sum(STAGE_SHARES[stage.stage] * stage.fraction for stage in stages)
    assert whole == pytest.approx(sum(future.fraction for future in futures) / 2)
    assert sum(stage.seconds_left or 0.0 for stage in stages) == pytest.approx(pace.seconds_left(10.0))


def test_every_future_and_every_stage_says_how_long_it_takes() -> None:
    job = _job(RUNNING)
    for future in job.futures:
        future.pace.observe(0.0, 0.0)
        future.reach(0, 0.6)
        future.stage = "upsample"
        future.pace.observe(1.0, 0.6)
    job.pace.observe(0.0, 0.0)
    job.pace.observe(1.0, 0.6)
    shown = progress_html(job)
    lines = shown.split('<div class="ds-job-line">')
    assert all("60%, enlarging" in line and "left" in line for line in lines[1:])
    assert shown.count("data-stage=") == len(STAGE_SHARES)
    assert "keyframes 100%<" in shown
    assert "left" not in progress_html(_job(DONE))


def test_a_name_is_text() -> None:
    assert "<b>" not in progress_html(JobState("a", "<b>x", Path("x/y")))


def _job(state: str) -> JobState:
    return JobState("a", "x", Path("x-1/x.zarr"), state, [FutureProgress(), FutureProgress()])
