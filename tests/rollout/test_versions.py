"""Which releases continue what an earlier one began: docs/versions.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import drivesim
from drivesim.archive import open_archive
from drivesim.batch.attempt import load_engine
from drivesim.batch.plan import BatchOptions, plan_batch
from drivesim.engine import Engine
from drivesim.errors import InputError
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import Committed, run_rollout
from drivesim.scenario import Scenario

OTHER_RELEASE, OTHER_COMPUTATION = "99.0.1", "99.0.0"


@pytest.fixture(scope="module")
def engine(tiny_checkpoints: Path) -> Engine:
    return Engine.load(tiny_checkpoints)


@pytest.fixture
def job(tiny_checkpoints: Path, tmp_path: Path) -> RolloutJob:
    """One future of two windows, its latents alone."""
    scenario = Scenario.model_validate({"format": 1, "name": "short", "duration_s": 3.0, "sampling": {"steps": 1}})
    return RolloutJob(scenario, tmp_path / "out", tiny_checkpoints, seed=5, futures=1, frame_storage="none")


def interrupt(job: RolloutJob, engine: Engine) -> None:
    """Runs a job until its first window is committed."""
    events = run_rollout(job, engine)
    next(event for event in events if isinstance(event, Committed))
    events.close()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_patch_release_finishes_an_archive_to_the_same_bytes(
    job: RolloutJob, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(run_rollout(replace(job, out=tmp_path / "whole"), engine))
    interrupt(job, engine)
    monkeypatch.setattr(drivesim, "__version__", OTHER_RELEASE)
    list(run_rollout(job, engine))
    assert open_archive(job.archive_path).complete
    assert content(job.archive_path) == content(tmp_path / "whole" / "short.zarr")


def test_a_release_that_computes_otherwise_does_not_continue_an_archive(
    job: RolloutJob, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(job, engine)
    before = content(job.archive_path)
    monkeypatch.setattr(drivesim, "COMPUTATION_VERSION", OTHER_COMPUTATION)
    with pytest.raises(InputError, match=rf"engine: archive .*, this run {OTHER_COMPUTATION}"):
        list(run_rollout(job, engine))
    assert content(job.archive_path) == before


def test_a_patch_release_plans_the_jobs_that_a_batch_began_with(
    tiny_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = tmp_path / "short.yaml"
    scenario.write_text("format: 1\nname: short\n")
    options = BatchOptions(tmp_path / "out", tiny_checkpoints)
    before = plan_batch([scenario], options)
    monkeypatch.setattr(drivesim, "__version__", OTHER_RELEASE)
    assert plan_batch([scenario], options) == before
    monkeypatch.setattr(drivesim, "COMPUTATION_VERSION", OTHER_COMPUTATION)
    after = plan_batch([scenario], options)
    assert after.common != before.common
    assert after.jobs[0].id != before.jobs[0].id


def test_a_worker_that_computes_otherwise_gets_no_job(job: RolloutJob) -> None:
    with pytest.raises(InputError, match=r"use the drivesim that began the batch"):
        load_engine(job, {"engine": "0.0.1", "checkpoints": {}})


def test_the_computation_is_that_of_this_release_or_an_earlier_one() -> None:
    computation, release = (
        tuple(map(int, version.split("."))) for version in (drivesim.COMPUTATION_VERSION, drivesim.__version__)
    )
    assert computation <= release
