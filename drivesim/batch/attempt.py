"""An attempt at a job, as a worker makes it, wherever that worker runs: steps with their times, then how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import drivesim
from drivesim.allocator import keep_freed_memory
from drivesim.engine import Engine
from drivesim.errors import ArchiveLockedError, CheckpointError, DrivesimError, InputError
from drivesim.models.stages import current_name
from drivesim.rollout.arithmetic import fix_arithmetic
from drivesim.rollout.job import JobEvent, RolloutJob, run_rollout

# Makes a job's events; a worker calls it for each of its jobs.
Work = Callable[[RolloutJob], Iterator[JobEvent]]

LOCK_PATIENCE_S = 30.0  # the writer of a job whose worker or driver was killed is gone by then
_LOCK_POLL_S = 0.25


@dataclass(frozen=True)
class Timed:
    """An event of a job and the seconds it took."""

    event: JobEvent
    seconds: float


@dataclass(frozen=True)
class Ended:
    """The job is over, or failed with `error`. `again`: whether another attempt may do better."""

    error: str | None = None
    again: bool = False


def attempt(job: RolloutJob, work: Work) -> Iterator[Timed | Ended]:
    """Does a job; the last message says how it ended, and no error leaves.

    An archive in the hands of another writer is waited for a while: who was killed a moment ago may still hold it.
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


def engine_work(common: dict, engine: Engine | None = None) -> Work:
    """Work with one engine: this one, or one that is loaded with the first job."""

    def work(job: RolloutJob) -> Iterator[JobEvent]:
        nonlocal engine
        engine = engine or load_engine(job, common)
        return run_rollout(job, engine)

    return work


def load_engine(job: RolloutJob, common: dict) -> Engine:
    """The engine of a job, in a process that from now on has the job's number of threads.

    `common` is the plan's: models or a drivesim other than those of the batch raise CheckpointError or InputError, so
    that nothing is made with them.
    """
    keep_freed_memory()
    fix_arithmetic(job.threads)
    if drivesim.__version__ != common["engine"]:
        raise InputError(f"this is drivesim {drivesim.__version__}, the batch is of drivesim {common['engine']}")
    engine = Engine.load(job.checkpoints, job.device)
    found = engine.checkpoints.sha256
    others = [role for role, digest in common["checkpoints"].items() if found.get(current_name(role)) != digest]
    if others:
        raise CheckpointError(f"{job.checkpoints}: not the models that the batch began with: {', '.join(others)}")
    return engine
