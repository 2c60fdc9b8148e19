"""Videos that are sampled, kept and read again, and videos of logs and archives."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.engine import Engine, FutureStart, Window, fast
from drivesim.engine.settings import SamplerSettings
from drivesim.errors import FootageError, InputError
from drivesim.evaluation.video.sources.archived import archived_videos
from drivesim.evaluation.video.sources.sampled import VideoTask, sampled_again, sampled_videos, scenario_of
from drivesim.evaluation.video.sources.videos import recorded_videos
from drivesim.models.checkpoints import CheckpointSet, write_manifest
from drivesim.models.stages import checkpoint_file
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

ONE_STEP = replace(fast(), image=SamplerSettings(1), prediction=SamplerSettings(1), interpolation=SamplerSettings(1))


@pytest.fixture(scope="module")
def engine(tiny_checkpoints: Path) -> Engine:
    return Engine.load(tiny_checkpoints)


def starts(recorded_logs: Path) -> list[tuple[Path, float]]:
    return [(path, 0.2) for path in sorted(recorded_logs.iterdir())[:2]]


def test_recorded_frames_are_those_of_their_moment(recorded_logs: Path) -> None:
    (video,) = recorded_videos(starts(recorded_logs)[:1], 5, 5.0, (32, 64))
    assert (len(video.frames), video.fps) == (5, 5.0)
    whole = np.concatenate(list(video.parts(2)))
    assert whole.shape == (5, 32, 64, 3)
    assert np.array_equal(video.frames[3:5], whole[3:5])
    with pytest.raises(FootageError, match="fewer than 9 frames"):
        recorded_videos(starts(recorded_logs)[:1], 9, 5.0, (32, 64))
    with pytest.raises(FootageError, match="no multiple of 4"):
        recorded_videos(starts(recorded_logs)[:1], 2, 4.0, (32, 64))


def test_frames_before_the_upsampler_are_those_that_it_enlarges(engine: Engine) -> None:
    """Windows join: their frames are as many as the future has, and the first window does not depend on the second."""
    scenario = Scenario(format=1, name="a", time_of_day="day", duration_s=3.0)
    settings = replace(ONE_STEP, interpolation_passes=1)
    future = engine.future(scenario, settings=settings)
    first = future.predict(0, None).latents
    second = future.predict(1, first).latents
    frames = [future.low_resolution(0, first, None), future.low_resolution(1, second, first)]
    assert [len(part) for part in frames] == [24, 6]
    big = list(engine.windows(scenario, [FutureStart(0)], settings=settings))
    large = np.concatenate([made.frames for made in big if isinstance(made, Window)])
    assert len(large) == 30
    small = large.reshape(30, 32, 4, 64, 4, 3).mean((2, 4))
    assert np.corrcoef(small.ravel(), np.concatenate(frames).ravel())[0, 1] > 0.9


def test_keyframes_alone_need_no_other_stage(engine: Engine, tiny_checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "keyframes"
    folder.mkdir()
    for role in ("autoencoder", "image", "prediction"):
        shutil.copy(checkpoint_file(tiny_checkpoints, role), folder)
    write_manifest(folder, engine.checkpoints.preset)
    scenario = Scenario(format=1, name="a", time_of_day="day", duration_s=3.2)
    future = Engine(CheckpointSet.open(folder)).future(scenario, settings=replace(ONE_STEP, interpolation_passes=0))
    first = future.predict(0, None).latents
    second = future.predict(1, first).latents
    assert [len(future.low_resolution(0, first, None)), len(future.low_resolution(1, second, first))] == [6, 2]


def test_kept_videos_are_not_sampled_again(engine: Engine, recorded_logs: Path, tmp_path: Path) -> None:
    task, moments = VideoTask(0.8, num_futures=2), starts(recorded_logs)
    first = sampled_videos(engine, moments, task, ONE_STEP, tmp_path / "work", lambda *_: None)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}
    assert len(times) == len(first) == 4
    second = sampled_videos(engine, moments, task, ONE_STEP, tmp_path / "work", lambda *_: None)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()} == times
    assert all(np.array_equal(a.frames, b.frames) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0].frames, first[1].frames)
    (again,) = sampled_again(engine, moments, task, ONE_STEP)
    assert np.array_equal(again.frames, first[0].frames)
    other = replace(ONE_STEP, context_guidance=1.0)
    sampled_videos(engine, moments[:1], VideoTask(0.8), other, tmp_path / "work", lambda *_: None)
    assert len(list((tmp_path / "work").iterdir())) == 5


def test_scenarios_say_of_their_moment_what_the_task_asks_for(engine: Engine, tmp_path: Path) -> None:
    small, large = (VehicleLabel(1, "car", box, box, 20.0, 1.0) for box in ((8, 8, 9, 9), (40, 20, 80, 60)))
    with DriveLogWriter(tmp_path / "log", DriveLogLabels("test", 10.0, 128, 64, time_of_day="night")) as writer:
        for index, vehicles in enumerate(((), (small, large), None)):
            writer.write(np.zeros((64, 128, 3), np.uint8), FrameLabel(index / 10, None, None, vehicles))
    known = [scenario_of(engine, tmp_path / "log", t, VideoTask(0.8, crowdedness=True)) for t in (0.0, 0.1, 0.2)]
    assert [scenario.crowdedness for scenario in known] == [0, 1, None]
    assert {scenario.time_of_day for scenario in known} == {"night"}
    assert all(scenario.context_frames for scenario in known)
    free = scenario_of(engine, tmp_path / "log", 0.1, VideoTask(0.8, context_frames=0, labelled=False))
    assert (free.context_frames, free.time_of_day, free.crowdedness) == (None, None, None)


@pytest.mark.parametrize("frame_storage", ["lossless", "none"])
def test_archives_are_read_with_or_without_frames(
    engine: Engine, tiny_checkpoints: Path, tmp_path: Path, frame_storage: str
) -> None:
    scenario = Scenario.model_validate({"format": 1, "name": "case", "duration_s": 3.0, "sampling": {"steps": 1}})
    job = RolloutJob(scenario, tmp_path, tiny_checkpoints, 0, 2, workers=1, frame_storage=frame_storage)
    list(run_rollout(job, engine))
    videos = archived_videos(engine, [job.archive_path], (32, 64))
    assert [video.name for video in videos] == ["case, seed 0, future 0", "case, seed 0, future 1"]
    frames = np.concatenate(list(videos[0].parts(7)))
    if frame_storage == "lossless":
        assert (frames.shape, videos[0].fps) == ((30, 32, 64, 3), 10.0)
        return
    assert (frames.shape, videos[0].fps) == ((14, 32, 64, 3), 2.5)
    one_by_one = np.concatenate([videos[0].frames[place : place + 1] for place in range(14)])
    assert np.abs(frames.astype(int) - one_by_one).max() <= 1


def test_different_archives_are_not_mixed(engine: Engine, tiny_checkpoints: Path, tmp_path: Path) -> None:
    paths = []
    for name, preset in (("a", "fast"), ("b", "quality")):
        given = {"format": 1, "name": name, "duration_s": 0.4, "sampling": {"steps": 1}}
        job = RolloutJob(Scenario.model_validate(given), tmp_path, tiny_checkpoints, 0, 1, preset=preset, workers=1)
        list(run_rollout(job, engine))
        paths.append(job.archive_path)
    with pytest.raises(InputError, match="different frame rates"):
        archived_videos(engine, paths, (32, 64))
