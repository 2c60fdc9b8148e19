"""How long a batch will take and how much it will fill, from what earlier jobs of the same settings took.

Work is counted a window (first frame, prediction, interpolation, decoding) and a frame (upsampling, writing,
previews). Without an earlier run, a one-window job a worker is measured first, all at a time.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from drivesim.batch.jobs import RolloutJob
from drivesim.batch.local_runner import run_batch
from drivesim.batch.plan import JOBS_FOLDER, BatchPlan, PlannedJob
from drivesim.batch.results import JobResult, read_result
from drivesim.engine import Timeline, settings_named
from drivesim.errors import DrivesimError
from drivesim.models.checkpoints import CheckpointSet
from drivesim.scenario import Sampling

_PER_WINDOW = ("predict", "interpolate", "decode")


@dataclass(frozen=True)
class Rates:
    """What jobs of one kind take: seconds for the start of a worker, a window and a frame; bytes a frame."""

    start_s: float
    window_s: float
    frame_s: float
    frame_bytes: float


@dataclass(frozen=True)
class Prediction:
    """Wall-clock seconds with this number of workers, and bytes on disk, of what is left to do."""

    seconds: float
    bytes: float
    jobs: int
    futures: int


def predict_batch(plan: BatchPlan, num_workers: int) -> Prediction:
    """What is left of a batch; measures first where the folder of the batch holds no job of the same kind."""
    results = {job.id: read_result(job) for job in plan.jobs}
    left = [job for job in plan.jobs if results[job.id].state != "done"]
    rates: dict[Sampling, Rates] = {}
    for sampling in {job.rollout.scenario.sampling for job in left}:
        alike = [job for job in plan.jobs if job.rollout.scenario.sampling == sampling]
        done = [(job, results[job.id]) for job in alike if results[job.id].state == "done"]
        rates[sampling] = measured(done) if done else _calibrated(alike[0], plan, num_workers)
    video = CheckpointSet.open(plan.jobs[0].rollout.checkpoints).preset.video if plan.jobs else None
    seconds, size = [], 0.0
    for job in left:
        rollout, rate = job.rollout, rates[job.rollout.scenario.sampling]
        timeline = Timeline(video, _passes(rollout), rollout.scenario.duration_s)
        frames = rollout.futures * timeline.num_frames
        seconds.append(rollout.futures * timeline.num_windows * rate.window_s + frames * rate.frame_s)
        size += frames * rate.frame_bytes
    start_s = max((rate.start_s for rate in rates.values()), default=0.0)
    wall_s = start_s + makespan(seconds, num_workers)
    return Prediction(wall_s, size, len(left), sum(job.rollout.futures for job in left))


def measured(done: Iterable[tuple[PlannedJob, JobResult]]) -> Rates:
    """The rates of jobs that are done."""
    start_s = window_s = frame_s = size = 0.0
    windows = frames = 0
    for job, result in done:
        for stages in result.stages.values():
            start_s = max(start_s, stages.get("start", 0.0))
            of_windows = sum(stages.get(stage, 0.0) for stage in _PER_WINDOW)
            window_s += of_windows
            frame_s += sum(stages.values()) - of_windows - stages.get("start", 0.0)
        windows += result.windows
        frames += result.frames
        size += sum(file.lstat().st_size for file in job.rollout.out.rglob("*") if file.is_file())
    return Rates(start_s, window_s / max(1, windows), frame_s / max(1, frames), size / max(1, frames))


def makespan(seconds: Iterable[float], num_workers: int) -> float:
    """When the last worker ends, where each takes the next job in order as soon as it is free."""
    free_at = [0.0] * num_workers
    for duration in seconds:
        heapq.heappush(free_at, heapq.heappop(free_at) + duration)
    return max(free_at)


def _passes(job: RolloutJob) -> int:
    return settings_named(job.preset).interpolation_passes


def _calibrated(job: PlannedJob, plan: BatchPlan, num_workers: int) -> Rates:
    """Rates from a window of a job a worker, made in a folder that is removed again."""
    video = CheckpointSet.open(job.rollout.checkpoints).preset.video
    window_s = video.gaps_per_window / video.keyframe_fps
    scenario = job.rollout.scenario.model_copy(update={"duration_s": min(window_s, job.rollout.scenario.duration_s)})
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for number in range(num_workers):
            out = Path(folder) / JOBS_FOLDER / str(number)
            rollout = replace(job.rollout, scenario=scenario, futures=1, seed=number, out=out)
            jobs.append(PlannedJob(str(number), job.file, rollout))
        events = run_batch(replace(plan, out=Path(folder), jobs=tuple(jobs)), num_workers)
        last = {event.job.id: event for event in events}
        for event in last.values():
            if event.result.state != "done":
                raise DrivesimError(f"{job.title}: the first window could not be made: {event.result.error}")
        return measured((event.job, event.result) for event in last.values())
