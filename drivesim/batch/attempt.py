"""One attempt at a job, as a worker makes it on any machine: it yields steps with their times, then how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import drivesim
from drivesim.allocator import keep_freed_memory
from drivesim.engine import Engine
from drivesim.errors import ArchiveLockedError, CheckpointError, DrivesimError, InputError
from drivesim.models.stages import current_name
from drivesim.rollout.arithmetic import fix_arithmetic
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import JobEvent, run_rollout

Work = Callable[[RolloutJob], Iterator[JobEvent]]
"""Does a job and yields its events; a worker calls it for each of its jobs."""

LOCK_PATIENCE_S = 30.0
"""Seconds to wait for an archive that another process writes; a killed worker or driver is gone by then."""
_LOCK_POLL_S = 0.25


@dataclass(frozen=True)
class Timed:
    """An event of a job, and how many seconds it took."""

    event: JobEvent
    seconds: float


@dataclass(frozen=True)
class Ended:
    """The end of an attempt.

    Attributes:
        error: why it failed; None if it did not.
        again: whether another attempt may succeed.
    """

    error: str | None = None
    again: bool = False


def attempt(job: RolloutJob, work: Work) -> Iterator[Timed | Ended]:
    """Does a job. The last message says how the attempt ended; no exception is raised.

    If another process writes the archive, this waits for a while: a worker that was killed a moment ago may still hold
    it.
    """
    patience_ends = time.monotonic() + LOCK_PATIENCE_S
    clock = time.monotonic()
    while True:
        try:
            for event in work(job):
                yield Timed(event, time.monotonic() - clock)
                clock = time.monotonic()
            yield Ended()
        except ArchiveLockedError as error:
            if time.monotonic() < patience_ends:
                time.sleep(_LOCK_POLL_S)
                continue
            yield Ended(str(error), again=True)
        except InputError as error:
            yield Ended(str(error))
        except DrivesimError as error:
            yield Ended(str(error), again=error.exit_code == 1)
        except Exception as error:  # whatever it is, it must not end the batch
            text = " ".join(str(error).split())[:300]
            yield Ended(f"{type(error).__name__}: {text}", again=True)
        return


def engine_work(common: dict[str, Any], engine: Engine | None = None) -> Work:
    """Returns work that uses one engine for all jobs; if None is given, it is loaded with the first job."""

    def work(job: RolloutJob) -> Iterator[JobEvent]:
        nonlocal engine
        engine = engine or load_engine(job, common)
        return run_rollout(job, engine)

    return work


def load_engine(job: RolloutJob, common: dict[str, Any]) -> Engine:
    """Loads the engine for a job; this process has the job's number of threads from now on.

    Args:
        job: any job of the batch.
        common: what the jobs of the plan have in common.

    Raises:
        InputError: this is another version of drivesim than that of the batch.
        CheckpointError: the models are others than those of the batch.
    """
    keep_freed_memory()
    fix_arithmetic(job.threads)
    if common["engine"] != drivesim.COMPUTATION_VERSION:
        raise InputError(
            f"this drivesim {drivesim.__version__} computes as release {drivesim.COMPUTATION_VERSION}, the batch as "
            f"release {common['engine']}; use the drivesim that began the batch"
        )
    engine = Engine.load(job.checkpoints, job.device, job.threads)
    found = engine.checkpoints.sha256
    others = [role for role, digest in common["checkpoints"].items() if found.get(current_name(role)) != digest]
    if others:
        raise CheckpointError(f"{job.checkpoints}: not the models that the batch began with: {', '.join(others)}")
    return engine
