"""Futures of recorded frames before the upsampler, each kept in a file, so that an interrupted measurement goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim import durable
from drivesim.data.columns import VehicleColumns
from drivesim.data.drive_log import DriveLog
from drivesim.engine import Engine, EngineSettings, sampled_roles
from drivesim.engine.conditions import time_of_day_index
from drivesim.engine.unheeded import heeded_settings
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.sources.videos import Video, camera_of
from drivesim.geometry.camera import PinholeCamera
from drivesim.scenario import Scenario


@dataclass(frozen=True)
class VideoTask:
    """The futures that are sampled of each moment of a drive log.

    Attributes:
        seconds: Length of each future.
        num_futures: Number of futures of each moment.
        context_frames: Number of known keyframes, up to 2. With 0, the first frame is composed.
        seed: Seed of the first moment; the others follow.
        labelled: Whether the models are given the time of day of the log.
        crowdedness: Whether they are given how many vehicles are in view at the moment, where it is labelled.
    """

    seconds: float
    num_futures: int = 1
    context_frames: int = 1
    seed: int = 0
    labelled: bool = True
    crowdedness: bool = False


def roles_of(settings: EngineSettings) -> tuple[str, ...]:
    """Returns the stages that make the videos."""
    fine = ("interpolation", "decoder") if settings.interpolation_passes else ()
    return ("autoencoder", "image", "prediction", *fine)


def sampled_videos(
    engine: Engine,
    starts: Sequence[tuple[Path, float]],
    task: VideoTask,
    settings: EngineSettings,
    folder: Path | None,
    on_progress: OnProgress,
) -> list[Video]:
    """Samples the futures of each moment (log, seconds), or reads those that an earlier run has left in `folder`.

    Args:
        engine: Makes the futures.
        starts: The moments.
        task: What is sampled.
        settings: How it is sampled. Without interpolation passes, the videos consist of keyframes alone.
        folder: Where the videos are kept; None keeps them in memory.
        on_progress: Is called with the progress of the work.

    Raises:
        FootageError: A drive log cannot be read.
        InputError: The folder cannot be written.
    """
    videos, total = [], len(starts) * task.num_futures
    for number, (path, time_s) in enumerate(starts):
        scenario = scenario_of(engine, path, time_s, task)
        for future in range(task.num_futures):
            frames = _kept(engine, scenario, future, task.seed + number, settings, folder)
            fps = engine.timeline(scenario, settings).fps
            time_of_day = time_of_day_index(scenario)
            videos.append(Video(f"{path.name}@{time_s:g}", future, fps, frames, time_of_day, _camera(engine, path)))
            on_progress("sampling videos", len(videos), total)
    return videos


def sampled_again(
    engine: Engine, starts: Sequence[tuple[Path, float]], task: VideoTask, settings: EngineSettings
) -> list[Video]:
    """Samples future 0 of the first moment once more, whatever a folder holds, as a test of determinism."""
    path, time_s = starts[0]
    scenario = scenario_of(engine, path, time_s, task)
    frames = np.concatenate(list(_windows(engine, scenario, 0, task.seed, settings)))
    fps = engine.timeline(scenario, settings).fps
    return [Video(f"{path.name}@{time_s:g}", 0, fps, frames, time_of_day_index(scenario), _camera(engine, path))]


def scenario_of(engine: Engine, path: Path, time_s: float, task: VideoTask) -> Scenario:
    """Returns the scenario that continues a drive log from a moment on."""
    gap_s, log = 1 / engine.video.keyframe_fps, DriveLog.open(path)
    return Scenario(
        format=1,
        name="start",
        time_of_day=log.labels.time_of_day if task.labelled else None,
        crowdedness=crowdedness_at(log, time_s) if task.crowdedness else None,
        context_frames=tuple(f"{path.absolute()}@{time_s + gap_s * i:.6f}" for i in range(task.context_frames)) or None,
        duration_s=task.seconds,
    )


def _camera(engine: Engine, path: Path) -> PinholeCamera | None:
    """The camera of a drive log, for frames at low resolution."""
    return camera_of(DriveLog.open(path), (engine.video.low_height, engine.video.low_width))


def crowdedness_at(log: DriveLog, time_s: float) -> int | None:
    """Returns the crowdedness of the frame at a time, or None if it was not searched for vehicles."""
    label = log.labels.frames[log.index_at(time_s)]
    if label.vehicles is None:
        return None
    return int(VehicleColumns.of((label,), log.labels.width, log.labels.height).counted.sum())


def _kept(
    engine: Engine, scenario: Scenario, future: int, seed: int, settings: EngineSettings, folder: Path | None
) -> np.ndarray:
    """The frames of a future, uint8 `t h w 3`: a memory map of their file, or an array without a folder."""
    if folder is None:
        return np.concatenate(list(_windows(engine, scenario, future, seed, settings)))
    path = folder / f"{_identity(engine, scenario, future, seed, settings)}.npy"
    if not path.is_file():
        frames = np.concatenate(list(_windows(engine, scenario, future, seed, settings)))
        temporary = path.with_suffix(".partial")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                np.save(file, frames)
            os.replace(temporary, path)
        except OSError as error:
            raise durable.unwritable(folder, error, "cannot keep videos here", "--work") from error
    kept: np.ndarray = np.load(path, mmap_mode="c")  # pages that are written to stay in memory
    return kept


def _windows(
    engine: Engine, scenario: Scenario, future: int, seed: int, settings: EngineSettings
) -> Iterator[np.ndarray]:
    """The frames of each window before the upsampler."""
    made = engine.future(scenario, future, seed, settings)
    previous: np.ndarray | None = None
    for window in range(made.timeline.num_windows):
        latents = made.predict(window, previous).latents
        yield made.low_resolution(window, latents, previous)
        previous = latents


def _identity(engine: Engine, scenario: Scenario, future: int, seed: int, settings: EngineSettings) -> str:
    """A name that changes with everything that changes the frames; the upsampler is not part of it."""
    roles = sampled_roles(roles_of(settings), settings, engine.checkpoints)
    sampling = heeded_settings(settings, engine.checkpoints).canonical()
    del sampling["upsampler"]
    parts = {
        "stages": {role: engine.checkpoints.sha256[role] for role in roles},
        "scenario": scenario.canonical(),
        "settings": sampling,
        "run": [seed, future],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
