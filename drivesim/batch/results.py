"""What is known of each job of a batch (`result.json` beside its archive) and of the batch (`batch.json`).

Only an archive says which windows exist. These files add what an archive does not hold: whether a job is over, how it
failed, and the time it took.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from drivesim import durable
from drivesim.archive.files import FileMissing, FileProblem, read_file, sync_folder, write_file
from drivesim.archive.lock import WriterLock
from drivesim.batch.plan import BatchPlan
from drivesim.errors import InputError

BATCH_FILE = "batch.json"
RESULT_FILE = "result.json"
FORMAT = 1

_MAX_RESULT_BYTES = 16 * 2**20
_MAX_PLAN_BYTES = 256 * 2**20

State = Literal["waiting", "running", "done", "failed"]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass
class JobResult:
    """The state of a job, counted over all runs of the batch.

    Attributes:
        state: how far the job is.
        attempts: number of attempts that were started.
        error: why the last attempt failed; None once the job is done.
        stages: seconds of work by future (its number as text, or "all") and by stage.
        num_windows: number of windows made in these seconds.
        num_frames: number of frames made in these seconds.
    """

    state: State = "waiting"
    attempts: Count = 0
    error: str | None = None
    stages: dict[str, dict[str, Seconds]] = field(default_factory=dict)
    num_windows: Annotated[Count, Field(validation_alias="windows")] = 0
    num_frames: Annotated[Count, Field(validation_alias="frames")] = 0

    @property
    def seconds(self) -> float:
        """Seconds of work in all stages of all futures."""
        return sum(sum(stages.values()) for stages in self.stages.values())

    def add_time(self, future: int | None, stage: str, seconds: float) -> None:
        """Adds the time of work on a future, or on all of them if `future` is None."""
        stages = self.stages.setdefault("all" if future is None else str(future), {})
        stages[stage] = round(stages.get(stage, 0.0) + seconds, 4)


def read_result(folder: Path) -> JobResult:
    """Reads the result of a job from its folder; an unreadable one counts as none, as the archive is what decides."""
    try:
        return TypeAdapter(JobResult).validate_json(read_file(folder, RESULT_FILE, _MAX_RESULT_BYTES), strict=True)
    except (OSError, ValueError, FileProblem):
        return JobResult()


def write_result(folder: Path, result: JobResult) -> None:
    """Writes the result of a job into its folder, durably.

    Raises:
        InputError: the folder cannot be made.
        ArchiveWriteError: the file cannot be written.
    """
    values = dataclasses.asdict(result)
    values |= {"windows": values.pop("num_windows"), "frames": values.pop("num_frames")}  # keys of existing files
    _write_json(folder / RESULT_FILE, {"format": FORMAT, **values})


def open_batch(plan: BatchPlan) -> WriterLock:
    """Makes the folder of a batch, or continues it, and takes its lock.

    Jobs may be added to a batch, but its models and settings stay the same.

    Raises:
        InputError: models or settings differ (it names them), or the folder cannot be written.
        ArchiveLockedError: another batch runs in this folder.
    """
    path = plan.out / BATCH_FILE
    try:
        plan.out.mkdir(parents=True, exist_ok=True)
        lock = WriterLock.acquire(path)
    except OSError as error:
        raise durable.unwritable(plan.out, error) from error
    try:
        _write_plan(plan, path)
    except BaseException:
        lock.release()
        raise
    return lock


@dataclass
class _Plan:
    """The part of `batch.json` that is read."""

    common: dict[str, Any]


def require_same_settings(plan: BatchPlan) -> None:
    """Raises InputError if the folder of a plan is that of a batch with other models or settings; it names them."""
    path = plan.out / BATCH_FILE
    try:
        earlier = TypeAdapter(_Plan).validate_json(read_file(path.parent, path.name, _MAX_PLAN_BYTES)).common
    except FileMissing:
        earlier = plan.common
    except (ValueError, FileProblem):
        raise InputError(
            f"{path}: is damaged, or is not the file of a batch; move it away or choose another --out"
        ) from None
    if earlier != plan.common:
        raise InputError(
            f"{plan.out} is a batch with other settings: {'; '.join(_differences(earlier, plan.common))}. "
            "Choose another --out"
        )


def _write_plan(plan: BatchPlan, path: Path) -> None:
    require_same_settings(plan)
    jobs = [
        {
            "id": job.id,
            "name": job.rollout.scenario.name,
            "file": str(job.file),
            "seed": job.rollout.seed,
            "futures": job.rollout.futures,
        }
        for job in plan.jobs
    ]
    _write_json(path, {"format": FORMAT, "common": plan.common, "jobs": jobs})


def _differences(earlier: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(earlier.keys() | now.keys()):
        a, b = earlier.get(key), now.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            yield f"{prefix}{key} was {str(a)[:16]}, now {str(b)[:16]}"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.unwritable(path.parent, error, "cannot be made") from error
    write_file(path, json.dumps(content, indent=2).encode() + b"\n")
    sync_folder(path.parent)
