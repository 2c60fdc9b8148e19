"""How long a batch will take and how much disk it will fill, from what earlier jobs of the same settings took.

Work is counted per window (first frame, prediction, interpolation, decoding) and per frame (upsampling, writing,
previews). If there is no earlier job, one window is measured first, once per machine (see `rates`).
"""

from __future__ import annotations

import heapq
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drivesim.archive import open_archive
from drivesim.archive.sealed_json import canonical_json
from drivesim.batch.local_runner import run_batch
from drivesim.batch.plan import JOBS_FOLDER, BatchPlan, PlannedJob
from drivesim.batch.rates import Rates, RatesFile
from drivesim.batch.results import read_result, require_same_settings
from drivesim.engine import Progress, Timeline
from drivesim.errors import DrivesimError, InputError
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.presets import VideoFormat
from drivesim.rollout.identity import identity_inputs, settings_of
from drivesim.wording import counted

_LOADED = {"autoencoder", "image", "prediction", "interpolation", "decoder", "upsampler"}  # in a worker's first window
_PER_WINDOW = ("first frame", "predict", "interpolate", "decode")
_DECIDES = ("checkpoints", "engine", "device", "threads", "settings")  # those of a job's inputs that decide its speed


@dataclass(frozen=True)
class Prediction:
    """What is left to do: seconds of wall-clock time, bytes on disk, jobs and futures."""

    seconds: float
    num_bytes: float
    jobs: int
    futures: int


def predict_batch(
    plan: BatchPlan, num_workers: int, earlier: Path | None = None, on_progress: Callable[[str], None] = lambda _: None
) -> Prediction:
    """Predicts what is left of a batch.

    Args:
        plan: the batch. Its own jobs that are done are learned from.
        num_workers: number of workers that it will have.
        earlier: folder of another batch to learn from too.
        on_progress: is called with what is done, in words.

    Raises:
        InputError: there is no such folder, or the batch was begun with other models or settings.
        DrivesimError: no job of the same settings was found, and one could not be made either.
    """
    require_same_settings(plan)
    if earlier is not None and not earlier.is_dir():
        raise InputError(f"{earlier}: no such folder; name the folder of an earlier batch")
    left = [job for job in plan.jobs if read_result(job.rollout.out).state != "done"]
    folders = [folder for batch in (plan.out, earlier) if batch for folder in sorted(batch.glob(f"{JOBS_FOLDER}/*"))]
    of_settings: dict[str, list[Path]] = {}
    for folder in folders:
        if (kind := _settings_of(folder)) is not None:
            of_settings.setdefault(kind, []).append(folder)
    rates: dict[str, Rates] = {}
    seconds, size = [], 0.0
    for job in left:
        rollout, settings = job.rollout, settings_of(job.rollout)
        key = _key(
            identity_inputs(rollout, CheckpointSet.open(rollout.checkpoints)), rollout.preset, rollout.frame_storage
        )
        if key not in rates:
            if key in of_settings:
                on_progress(f"from {counted(len(of_settings[key]), 'earlier job')}")
                rates[key] = measured(of_settings[key])
            else:
                rates[key] = _kept(key, job, plan, on_progress)
        timeline = Timeline(_video(job), settings.interpolation_passes, rollout.scenario.duration_s)
        frames = rollout.futures * timeline.num_frames
        windows = rollout.futures * timeline.num_windows
        seconds.append(windows * rates[key].window_s + frames * rates[key].frame_s)
        size += frames * rates[key].frame_bytes
    start_s = max((rate.start_s for rate in rates.values()), default=0.0)
    futures = sum(job.rollout.futures for job in left)
    return Prediction(start_s + makespan(seconds, num_workers), size, len(left), futures)


def measured(folders: Iterable[Path]) -> Rates:
    """Returns the rates of finished jobs, from their folders."""
    start_s = window_s = frame_s = size = 0.0
    windows = frames = 0
    for folder in folders:
        result = read_result(folder)
        for stages in result.stages.values():
            start_s = max(start_s, stages.get("start", 0.0))
            of_windows = sum(stages.get(stage, 0.0) for stage in _PER_WINDOW)
            window_s += of_windows
            frame_s += sum(stages.values()) - of_windows - stages.get("start", 0.0)
        windows += result.num_windows
        frames += result.num_frames
        size += sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
    return Rates(start_s, window_s / max(1, windows), frame_s / max(1, frames), size / max(1, frames))


def makespan(seconds: Iterable[float], num_workers: int) -> float:
    """Returns when the last worker ends, if each takes the next job in order as soon as it is free."""
    free_at = [0.0] * num_workers
    for duration in seconds:
        heapq.heappush(free_at, heapq.heappop(free_at) + duration)
    return max(free_at)


def _settings_of(folder: Path) -> str | None:
    """Returns what decides the speed of a finished job; None for a folder without one."""
    archive = next(folder.glob("*.zarr"), None)
    if archive is None or read_result(folder).state != "done":
        return None
    try:
        opened = open_archive(archive)
        return _key(opened.manifest.inputs, opened.provenance["preset"], opened.layout.frames)
    except (DrivesimError, KeyError):
        return None


def _key(inputs: dict[str, Any], preset: str, frame_storage: str) -> str:
    decides = {name: inputs[name] for name in _DECIDES}
    return canonical_json({**decides, "preset": preset, "frames": frame_storage}).decode()


def _video(job: PlannedJob) -> VideoFormat:
    return CheckpointSet.open(job.rollout.checkpoints).preset.video


def _kept(key: str, job: PlannedJob, plan: BatchPlan, on_progress: Callable[[str], None]) -> Rates:
    """Returns rates that were measured on this machine before, or measures and keeps them."""
    file = RatesFile.of(key)
    if (rates := file.read()) is not None:
        on_progress(f"from a window that was measured earlier; remove {file.path} to measure again")
        return rates
    on_progress("measuring a window, which is kept for later")
    rates = _calibrated(job, plan, on_progress)
    file.write(rates)
    return rates


def _calibrated(job: PlannedJob, plan: BatchPlan, on_progress: Callable[[str], None]) -> Rates:
    """Returns rates from one window, made in a folder that is removed again.

    The worker has the machine for itself. In its first window it loads its networks; the time of this is measured
    apart, and counts as part of the start.
    """
    video = _video(job)
    window_s = video.gaps_per_window / video.keyframe_fps
    scenario = job.rollout.scenario.model_copy(update={"duration_s": min(window_s, job.rollout.scenario.duration_s)})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / JOBS_FOLDER / "0"
        measured_job = PlannedJob("0", job.file, replace(job.rollout, scenario=scenario, futures=1, out=folder))
        for event in run_batch(replace(plan, out=Path(name), jobs=(measured_job,)), 1):
            if event.result.state == "failed":
                raise DrivesimError(f"{job.title}: its first window could not be made: {event.result.error}")
            if isinstance(event.step, Progress):
                on_progress(f"measuring: {event.step.stage}, {event.step.fraction:.0%} of a window")
        rates, load_s = measured([folder]), _loading_seconds(job)
        return replace(rates, start_s=rates.start_s + load_s, window_s=max(0.0, rates.window_s - load_s))


def _loading_seconds(job: PlannedJob) -> float:
    checkpoints, start = CheckpointSet.open(job.rollout.checkpoints), time.monotonic()
    for role in _LOADED.intersection(checkpoints.roles):
        checkpoints.load(role)
    return time.monotonic() - start
