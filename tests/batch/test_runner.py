"""Runners with work that needs no networks: it fails, dies, hangs and is killed as the tests want it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from drivesim.archive import ArchiveLayout, ArchiveWriter, open_archive
from drivesim.archive.export import write_mp4, write_png
from drivesim.archive.previews import is_whole_preview
from drivesim.batch.local_runner import run_batch
from drivesim.batch.plan import BatchPlan, PlannedJob
from drivesim.batch.ray_runner import run_on_ray
from drivesim.batch.report import build_report, write_reports
from drivesim.batch.results import JobResult, read_result
from drivesim.batch.runner import BatchEvent, Limits
from drivesim.errors import ArchiveLockedError, InputError
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import Committed, JobEvent, Opened, PreviewWritten
from drivesim.scenario import Scenario

LAYOUT = ArchiveLayout(2, 8, 4, 2, (8, 16, 3), (2, 1, 2), 10.0, 2.5)


def planned(out: Path, *names: str, seed: int = 0, **common: str) -> BatchPlan:
    """A job a name."""
    jobs = []
    for name in names:
        scenario = Scenario.model_validate({"format": 1, "name": name})
        rollout = RolloutJob(scenario, out / "jobs" / name, Path("none"), seed, futures=2, workers=1)
        jobs.append(PlannedJob(name, Path(f"{name}.yaml"), rollout))
    return BatchPlan(out, {"engine": "1", **common}, tuple(jobs))


def write_rollout(job: RolloutJob) -> Iterator[JobEvent]:
    """Grey frames into a real archive; each window that is made leaves a line beside it."""
    with ArchiveWriter.open(job.archive_path, {"name": job.scenario.name}, LAYOUT, {}) as writer:
        done = tuple(writer.committed_windows(future) for future in range(2))
        yield Opened(LAYOUT.num_windows, done)
        for future in range(2):
            for window in range(done[future], LAYOUT.num_windows):
                latents = np.full((2, 2, 1, 2), window, np.float32)
                writer.commit(future, window, latents, np.full((4, 8, 16, 3), 9 * future, np.uint8), {})
                with (job.out / "made").open("a") as log:
                    log.write(f"{future}/{window}\n")
                yield Committed(future, window, 4)
    for path in job.previews:
        if not is_whole_preview(path):
            picture = np.full((8, 16, 3), 9, np.uint8)
            write_mp4([picture], 10, path) if path.suffix == ".mp4" else write_png(picture, path)
            yield PreviewWritten(path, None)


def misbehaving(job: RolloutJob) -> Iterator[JobEvent]:
    """What the name of the scenario says, once or always."""
    what, _, often = job.scenario.name.partition("-")
    mark = job.out / "tried"
    if what == "good" or (often == "once" and mark.exists()):
        yield from write_rollout(job)
        return
    mark.write_text("")
    steps = write_rollout(job)
    yield from (next(steps), next(steps))
    match what:
        case "error":
            raise RuntimeError("out of luck")
        case "input":
            raise InputError("this cannot be")
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "vanishes":
            job.out.rename(job.out.with_name("away"))
            job.out.write_text("in the way")
            yield from steps


Run = Callable[[BatchPlan, int, Limits], Iterator[BatchEvent]]


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.xdist_group("ray"))])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a batch of misbehaving jobs, on this machine or on a cluster."""
    if request.param == "local":
        return lambda plan, num_workers, limits: run_batch(plan, num_workers, limits, misbehaving)
    cluster = request.getfixturevalue("cluster")
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # nodes cannot import it
    return lambda plan, num_workers, limits: run_on_ray(plan, cluster.address, num_workers, limits, misbehaving)


def last(events: Iterator[BatchEvent]) -> dict[str, BatchEvent]:
    return {event.job.id: event for event in events}


def made(plan: BatchPlan) -> list[Counter[str]]:
    return [Counter((job.rollout.out / "made").read_text().split()) for job in plan.jobs]


EVERY_WINDOW_ONCE = Counter(["0/0", "0/1", "1/0", "1/1"])


@pytest.mark.parametrize("num_workers", [1, 2, 8])
def test_every_window_is_made_once(tmp_path: Path, num_workers: int) -> None:
    plan = planned(tmp_path, "a", "b", "c")
    assert {event.result.state for event in last(run_batch(plan, num_workers, work=write_rollout)).values()} == {"done"}
    assert made(plan) == [EVERY_WINDOW_ONCE] * 3
    assert read_result(plan.jobs[0].rollout.out).num_windows == 4
    events = list(run_batch(plan, num_workers, work=write_rollout))
    assert [(event.job.id, event.result.state) for event in events] == [("a", "done"), ("b", "done"), ("c", "done")]


def test_failures_are_retried_recorded_and_stop_nothing_else(tmp_path: Path, run: Run) -> None:
    plan = planned(tmp_path, "error", "input", "dies", "error-once", "dies-once", "good")
    results = {name: event.result for name, event in last(run(plan, 2, Limits())).items()}
    assert {name: result.state for name, result in results.items()} == {
        "error": "failed",
        "input": "failed",
        "dies": "failed",
        "error-once": "done",
        "dies-once": "done",
        "good": "done",
    }
    attempts = {name: result.attempts for name, result in results.items()}
    assert attempts == {"error": 2, "input": 1, "dies": 2, "error-once": 2, "dies-once": 2, "good": 1}
    assert results["error"].error == "RuntimeError: out of luck"
    assert results["dies"].error.startswith("its worker")
    assert results["dies-once"].error is None
    assert made(plan)[3:] == [EVERY_WINDOW_ONCE] * 3
    assert read_result(plan.jobs[1].rollout.out).error == "this cannot be"


def test_a_stopped_worker_is_given_up_and_its_job_done_by_another(tmp_path: Path, run: Run) -> None:
    plan = planned(tmp_path, "stops-once", "good")
    events = last(run(plan, 1, Limits(retries=1, silent_seconds=4.0)))
    assert {event.result.state for event in events.values()} == {"done"}
    assert made(plan) == [EVERY_WINDOW_ONCE] * 2
    plan = planned(tmp_path / "limited", "stops")
    event = last(run(plan, 1, Limits(retries=0, job_seconds=2.0)))["stops"]
    assert event.result.error == "took longer than the time limit of 2 s"


def test_an_interrupted_batch_continues(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a", "b", "c")
    events = run_batch(plan, 2, work=write_rollout)
    next(event for event in events if isinstance(event.step, Committed))
    events.close()
    assert {event.result.state for event in last(run_batch(plan, 2, work=write_rollout)).values()} == {"done"}
    assert all(open_archive(job.rollout.archive_path).complete for job in plan.jobs)


@pytest.mark.parametrize("after", [1, 3, 5, 8])
def test_a_killed_driver_loses_nothing_and_nothing_is_made_twice(
    tmp_path: Path, after: int, in_child: Callable
) -> None:
    plan = planned(tmp_path, "a", "b")

    def drive() -> None:
        for number, _ in enumerate(run_batch(plan, 2, work=write_rollout)):
            if number == after:
                os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(drive).wait() == -signal.SIGKILL
    assert {event.result.state for event in last(_retrying(plan)).values()} == {"done"}
    for windows in made(plan):  # a worker may die between a commit and its line
        assert windows <= EVERY_WINDOW_ONCE
    assert all(open_archive(job.rollout.archive_path).complete for job in plan.jobs)


def _retrying(plan: BatchPlan) -> Iterator[BatchEvent]:
    """The same command again, until the workers of the killed one, which end with it, have let go."""
    for _ in range(100):
        try:
            yield from run_batch(plan, 2, Limits(retries=50), write_rollout)
            return
        except ArchiveLockedError:
            time.sleep(0.1)


def test_a_job_whose_archive_was_damaged_is_not_done(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a")
    list(run_batch(plan, 1, work=write_rollout))
    (plan.jobs[0].rollout.archive_path / "rollouts/0000/frames/c.1.0.0.0").unlink()
    result = last(run_batch(plan, 1, work=write_rollout))["a"].result
    assert result.state == "failed"
    assert "rollouts/0000/frames window 1: rollouts/0000/frames/c.1.0.0.0: the file is missing" in result.error


def test_a_batch_keeps_its_settings_but_may_grow(tmp_path: Path) -> None:
    list(run_batch(planned(tmp_path, "a"), 1, work=write_rollout))
    with pytest.raises(InputError, match="engine was 1, now 2"):
        list(run_batch(planned(tmp_path, "a", engine="2"), 1, work=write_rollout))
    plan = planned(tmp_path, "a", "b")
    list(run_batch(plan, 1, work=write_rollout))
    assert made(plan) == [EVERY_WINDOW_ONCE] * 2


def test_a_job_without_a_place_fails_alone(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a", "b")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/a").write_text("in the way")
    results = {name: event.result for name, event in last(run_batch(plan, 1, work=write_rollout)).items()}
    assert (results["a"].state, results["b"].state) == ("failed", "done")
    assert "jobs/a: cannot be made" in results["a"].error


def test_a_job_that_loses_its_folder_fails_alone(tmp_path: Path) -> None:
    plan = planned(tmp_path, "vanishes", "good", preset="fast", device="cpu", threads="1")
    events = last(run_batch(plan, 2, work=misbehaving))
    assert {name: event.result.state for name, event in events.items()} == {"vanishes": "failed", "good": "done"}
    results = {name: event.result for name, event in events.items()}
    report = build_report(plan, results)
    assert [job["state"] for job in report["jobs"]] == ["failed", "done"]
    assert "jobs/vanishes" in report["jobs"][0]["error"]
    assert all(path.is_file() for path in write_reports(plan, report))


def test_a_job_whose_result_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a", "b")
    (plan.jobs[0].rollout.out / "result.json").mkdir(parents=True)
    results = {name: event.result for name, event in last(run_batch(plan, 1, work=write_rollout)).items()}
    assert (results["a"].state, results["b"].state) == ("failed", "done")
    assert "result.json" in results["a"].error
    assert build_report(plan, results)["totals"]["failed"] == 1


def test_previews_that_were_deleted_or_cut_off_are_made_again(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a")
    list(run_batch(plan, 1, work=write_rollout))
    paths = plan.jobs[0].rollout.previews
    assert [path.name for path in paths] == [
        "future_00.mp4", "future_00.png", "future_01.mp4", "future_01.png", "contact_sheet.png"
    ]  # fmt: skip
    for path in paths:
        content = path.read_bytes()
        for damage in (path.unlink, lambda path=path: os.truncate(path, path.stat().st_size - 1)):
            damage()
            events = list(run_batch(plan, 1, work=write_rollout))
            assert [event.step for event in events if event.step] == [Opened(2, (2, 2)), PreviewWritten(path, None)]
            assert path.read_bytes() == content
    assert made(plan) == [EVERY_WINDOW_ONCE]


def test_two_batches_at_once_are_refused(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a")
    events = run_batch(plan, 1, work=write_rollout)
    next(events)
    with pytest.raises(ArchiveLockedError, match=f"process {os.getpid()} on"):
        next(run_batch(plan, 1, work=write_rollout))
    events.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.json", "jobs"]


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another --out"):
        next(run_batch(planned(tmp_path / "file", "a"), 1, work=write_rollout))


HOSTILE = {
    "nested": b"[" * 100_000,
    "nan": b'{"format": 1, "stages": {"0": {"predict": NaN}}}',
    "infinite": b'{"format": 1, "stages": {"0": {"predict": 1e999}}}',
    "no stages": b'{"format": 1, "stages": "none", "state": "done"}',
    "no state": b'{"format": 1, "state": "finished"}',
    "no count": b'{"format": 1, "attempts": -3, "frames": true}',
    "a list": b"[1, 2]",
    "no text": b"\xff\xfe\x00",
    "truncated": b'{"format": 1, "state": "do',
    "empty": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_result_counts_as_none_and_what_is_no_batch_is_refused(tmp_path: Path, content: bytes) -> None:
    plan = planned(tmp_path, "a")
    list(run_batch(plan, 1, work=write_rollout))
    out = plan.jobs[0].rollout.out
    (out / "result.json").write_bytes(content)
    assert read_result(out) == JobResult()
    assert last(run_batch(plan, 1, work=write_rollout))["a"].result.state == "done"
    assert made(plan) == [EVERY_WINDOW_ONCE]
    (tmp_path / "batch.json").write_bytes(content)
    with pytest.raises(InputError, match=r"batch\.json: is damaged, or is not the file of a batch"):
        next(run_batch(plan, 1, work=write_rollout))


def test_huge_files_of_a_batch_are_not_read(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a")
    list(run_batch(plan, 1, work=write_rollout))
    for path in (plan.jobs[0].rollout.out / "result.json", tmp_path / "batch.json"):
        os.truncate(path, 2**40)
    assert read_result(plan.jobs[0].rollout.out) == JobResult()
    with pytest.raises(InputError, match="is damaged"):
        next(run_batch(plan, 1, work=write_rollout))
