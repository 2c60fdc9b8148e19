from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from drivesim.archive import ArchiveWriter, check_archive, open_archive
from drivesim.engine import Engine
from drivesim.errors import ArchiveLockedError, CheckpointError, DrivesimError, InputError
from drivesim.rollout import workers
from drivesim.rollout.archived import render_job
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import Committed, Opened, PreviewWritten, run_rollout
from drivesim.scenario import Scenario, load_scenario
from file_digests import file_digests

PREVIEWS = ["contact_sheet.png", "future_00.mp4", "future_00.png", "future_01.mp4", "future_01.png"]


@pytest.fixture(scope="module")
def job(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> RolloutJob:
    """Two futures of two windows."""
    scenario = Scenario.model_validate(
        {"format": 1, "name": "short", "time_of_day": "day", "duration_s": 3.0, "sampling": {"steps": 2}}
    )
    return RolloutJob(scenario, tmp_path_factory.mktemp("whole"), tiny_checkpoints, seed=5, futures=2)


@pytest.fixture(scope="module")
def whole(job: RolloutJob) -> dict[str, str]:
    """The archive of an uninterrupted run with two workers."""
    list(run_rollout(job))
    return file_digests(job.archive_path)


def test_a_job_makes_archive_and_previews(job: RolloutJob, whole: dict[str, str]) -> None:
    archive = open_archive(job.archive_path)
    assert archive.complete
    assert archive.rollouts[1].frames.shape == (30, 128, 256, 3)
    assert not check_archive(job.archive_path, read_data=True)
    assert sorted(path.name for path in job.preview_folder.iterdir()) == PREVIEWS


def test_workers_make_what_the_engine_makes(job: RolloutJob, whole: dict[str, str]) -> None:
    torch.set_num_threads(1)
    archive, engine = open_archive(job.archive_path), Engine.load(job.checkpoints)
    for future in (0, 1):
        windows = list(engine.rollout(job.scenario, job.seed, future))
        assert np.array_equal(archive.rollouts[future].frames[:], np.concatenate([w.frames for w in windows]))
        assert np.array_equal(archive.rollouts[future].latents[1], windows[1].keyframe_latents)


def test_one_worker_interrupted_and_run_again_makes_the_same_bytes(
    job: RolloutJob, whole: dict[str, str], tmp_path: Path
) -> None:
    job = replace(job, out=tmp_path, workers=1)
    events = run_rollout(job)
    next(event for event in events if isinstance(event, Committed))
    events.close()
    assert not open_archive(job.archive_path).complete
    first, *rest = run_rollout(job)
    assert first == Opened(2, (1, 0)) or first == Opened(2, (0, 1))
    assert sum(isinstance(event, Committed) for event in rest) == 3
    assert file_digests(job.archive_path) == whole


def test_a_complete_job_makes_missing_previews_alone(job: RolloutJob, whole: dict[str, str]) -> None:
    assert list(run_rollout(job)) == [Opened(2, (2, 2))]
    poster = job.preview_folder / "future_01.png"
    poster.unlink()
    assert list(run_rollout(job)) == [Opened(2, (2, 2)), PreviewWritten(poster, 1)]


def test_previews_of_an_archive_that_was_removed_are_made_again(
    job: RolloutJob, whole: dict[str, str], tmp_path: Path
) -> None:
    job, engine = replace(job, out=tmp_path, futures=1), Engine.load(job.checkpoints)
    list(run_rollout(job, engine))
    before = file_digests(job.preview_folder)
    shutil.rmtree(job.archive_path)
    list(run_rollout(replace(job, seed=6), engine))
    after = file_digests(job.preview_folder)
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)


def test_latents_alone_are_rendered_to_the_same_bytes(job: RolloutJob, whole: dict[str, str], tmp_path: Path) -> None:
    latents = replace(job, out=tmp_path / "latents", frame_storage="none")
    events = list(run_rollout(latents, Engine.load(job.checkpoints)))
    assert sum(isinstance(event, Committed) for event in events) == 4
    assert not latents.preview_folder.exists()
    rendering = render_job(latents.archive_path, tmp_path / "rendered", job.checkpoints, crf=50)
    events = run_rollout(rendering)  # in workers
    next(event for event in events if isinstance(event, Committed))
    events.close()
    list(run_rollout(rendering, Engine.load(job.checkpoints)))
    assert file_digests(rendering.archive_path) == whole
    assert sorted(path.name for path in rendering.preview_folder.iterdir()) == PREVIEWS
    smaller, larger = (folder / "future_00.mp4" for folder in (rendering.preview_folder, job.preview_folder))
    assert smaller.stat().st_size < larger.stat().st_size


def test_only_a_complete_archive_of_these_checkpoints_is_rendered(
    job: RolloutJob, whole: dict[str, str], tmp_path: Path
) -> None:
    partly = replace(job, out=tmp_path / "partly", frame_storage="none")
    events = run_rollout(partly, Engine.load(job.checkpoints))
    next(event for event in events if isinstance(event, Committed))
    events.close()
    with pytest.raises(InputError, match="is not complete"):
        list(run_rollout(render_job(partly.archive_path, tmp_path / "rendered", job.checkpoints)))
    other = replace(render_job(job.archive_path, tmp_path / "other", job.checkpoints), preset="quality")
    with pytest.raises(InputError, match=r"settings\.interpolation_passes"):
        list(run_rollout(other))
    with ArchiveWriter.open(tmp_path / "a.zarr", {}, open_archive(job.archive_path).layout, {}):
        pass
    with pytest.raises(InputError, match="was not made by a rollout"):
        render_job(tmp_path / "a.zarr", tmp_path, job.checkpoints)


def test_a_killed_worker_is_one_clear_error(job: RolloutJob, tmp_path: Path) -> None:
    job = replace(job, out=tmp_path, workers=1)
    events = run_rollout(job)
    next(event for event in events if isinstance(event, Committed))
    for worker in multiprocessing.active_children():
        worker.kill()
    with pytest.raises(DrivesimError, match=r"SIGKILL.*run the same command again"):
        list(events)
    assert not check_archive(job.archive_path, read_data=True)


def test_a_stopped_worker_ends_a_rollout_with_an_error_instead_of_waiting_for_ever(
    job: RolloutJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = replace(job, out=tmp_path, workers=1)
    events = run_rollout(job)
    next(event for event in events if isinstance(event, Committed))
    monkeypatch.setattr(workers, "SILENCE_LIMIT_S", 0.5)
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(DrivesimError, match=r"a worker process made no step for 0\.5 s; run the same command again"):
        list(events)
    assert not check_archive(job.archive_path, read_data=True)


def test_an_archive_of_another_run_is_refused(job: RolloutJob, whole: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"seed: archive 5, this run 6"):
        list(run_rollout(replace(job, seed=6)))
    assert file_digests(job.archive_path) == whole


def test_a_second_writer_is_refused(job: RolloutJob, whole: dict[str, str]) -> None:
    events = run_rollout(job)
    next(events)
    with pytest.raises(ArchiveLockedError):
        next(run_rollout(job))
    events.close()


def test_missing_checkpoints_leave_nothing_behind(job: RolloutJob, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        list(run_rollout(replace(job, out=tmp_path / "out", checkpoints=tmp_path / "none")))
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_an_input_error(job: RolloutJob, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="--out"):
        list(run_rollout(replace(job, out=tmp_path / "file")))


def test_an_archive_is_not_rendered_over_itself(job: RolloutJob, whole: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(job.out)
    for out in (job.out, tmp_path / "link"):
        with pytest.raises(InputError, match="holds the archive itself"):
            render_job(job.archive_path, out, job.checkpoints)
    assert file_digests(job.archive_path) == whole


def test_one_future_is_made_alone_and_the_others_can_follow(
    job: RolloutJob, whole: dict[str, str], tmp_path: Path
) -> None:
    alone, engine = replace(job, out=tmp_path, only=1), Engine.load(job.checkpoints)
    events = list(run_rollout(alone, engine))
    assert {event.future for event in events if isinstance(event, Committed)} == {1}
    assert [rollout.complete for rollout in open_archive(alone.archive_path).rollouts] == [False, True]
    assert sorted(path.name for path in alone.preview_folder.iterdir()) == ["future_01.mp4", "future_01.png"]
    list(run_rollout(replace(alone, only=None), engine))
    assert file_digests(alone.archive_path) == whole
    assert sorted(path.name for path in alone.preview_folder.iterdir()) == PREVIEWS


def test_a_future_that_the_job_does_not_have_is_refused(job: RolloutJob, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--future 2: short has 2 futures, the last of which is 1"):
        next(run_rollout(replace(job, out=tmp_path / "none", only=2)))
    assert not (tmp_path / "none").exists()


def _from_a_photo(folder: Path, checkpoints: Path) -> RolloutJob:
    folder.mkdir()
    rows, columns = np.meshgrid(np.arange(128), np.arange(256), indexing="ij")
    cv2.imwrite(str(folder / "photo.png"), np.stack([rows, columns, rows], -1).astype(np.uint8))
    (folder / "a.yaml").write_text(
        "format: 1\nname: a\nfirst_frame: photo.png\nduration_s: 0.4\nsampling: {steps: 1}\n"
    )
    return RolloutJob(load_scenario(folder / "a.yaml"), folder / "out", checkpoints, 0, 1, frame_storage="none")


def test_equal_scenarios_and_photos_in_two_folders_give_the_same_bytes(tiny_checkpoints: Path, tmp_path: Path) -> None:
    engine, trees = Engine.load(tiny_checkpoints), []
    for folder in (tmp_path / "here", tmp_path / "elsewhere"):
        job = _from_a_photo(folder, tiny_checkpoints)
        list(run_rollout(job, engine))
        trees.append(file_digests(job.archive_path))
    assert trees[0] == trees[1]
    # Latents are rendered without the photo that they began with.
    (folder / "photo.png").unlink()
    rendering = render_job(job.archive_path, tmp_path / "rendered", tiny_checkpoints)
    list(run_rollout(rendering, engine))
    assert open_archive(rendering.archive_path).complete
    assert open_archive(rendering.archive_path).rollouts[0].latents[0].tolist() == (
        open_archive(job.archive_path).rollouts[0].latents[0].tolist()
    )
