"""Runs the jobs of a batch on a Ray cluster: actors that load the models once and do one job at a time.

Every node must see the folder of the batch and the models at the same paths. An actor writes its archives itself; only
steps and paths are sent. As on one machine, `run_jobs` decides what is done, tried again and recorded: Ray restarts and
retries nothing by itself.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from drivesim.batch.attempt import Ended, Timed, Work, attempt, engine_work, load_engine
from drivesim.batch.plan import BatchPlan, PlannedJob
from drivesim.batch.runner import DEFAULT_LIMITS, BatchEvent, Limits, WorkerDied, run_jobs
from drivesim.errors import DrivesimError, InputError, MissingExtraError
from drivesim.rollout.identity import library_versions
from drivesim.rollout.job import RolloutJob

if TYPE_CHECKING:
    import ray

_CONNECT_S = 5.0
PLACEMENT_S = 1800.0
"""How long a batch waits while it has no worker at all, because the cluster is full or has to grow first."""
_MAX_DEATHS_AT_START = 3  # per worker, one after another


def run_on_ray(
    plan: BatchPlan,
    address: str,
    num_workers: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    work: Work | None = None,
) -> Iterator[BatchEvent]:
    """Does what is left of a batch on a Ray cluster; see `run_jobs`.

    Args:
        plan: the batch.
        address: address of the cluster, `host:port` or `auto`.
        num_workers: number of workers; by default as many as the cluster has room for now.
        limits: when an attempt is given up.
        work: takes the place of the engine.

    Raises:
        MissingExtraError: ray is not installed.
        InputError: no cluster answers at the address.
        DrivesimError: there is no worker, or none is fit for the batch because its models, drivesim, torch or numpy
            are others.
    """
    ray = _connected(address)
    try:
        plan = replace(plan, out=plan.out.absolute(), jobs=tuple(map(_from_anywhere, plan.jobs)))
        yield from run_jobs(plan, _Actors(ray, plan, num_workers, work), limits)
    finally:
        ray.shutdown()


def _from_anywhere(job: PlannedJob) -> PlannedJob:
    """Returns the job with absolute paths, because an actor starts in a folder of its own."""
    out, checkpoints = job.rollout.out.absolute(), job.rollout.checkpoints.absolute()
    return replace(job, rollout=replace(job.rollout, out=out, checkpoints=checkpoints))


def _connected(address: str) -> Any:
    """Connects to a cluster and returns the module ray; a cluster is never started here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(f"--ray needs ray ({error}): pip install 'drivesim[ray]'") from error
    hint = "name the cluster as host:port, or auto on one of its machines; `ray start --head` begins one"
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _CONNECT_S).close()
        except (OSError, ValueError, OverflowError) as error:
            raise InputError(f"--ray {address}: no Ray cluster answers there ({error}); {hint}") from None
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"--ray {address}: cannot be joined ({text}); {hint}") from None
    return ray


class _Actors:
    """The actors of a batch: those that are starting, those that are idle, and those that work.

    An actor gets jobs only after it is placed, has loaded what it needs and is fit for the batch. An unfit actor is not
    replaced; one that died is.
    """

    def __init__(self, ray: Any, plan: BatchPlan, num_workers: int | None, work: Work | None) -> None:
        self.ray = ray
        self.first = plan.jobs[0].rollout if plan.jobs else None
        self.preparation = (self.first, plan.common, library_versions(), work)
        self.room = min(len(plan.jobs), num_workers or self._room_now())
        self.starting: dict[Any, _ActorHandle] = {}
        self.idle: list[_ActorHandle] = []
        self.busy: list[_ActorHandle] = []
        self.unfit: str | None = None
        self.deaths_at_start = 0
        self.nobody_since = time.monotonic()

    def take(self) -> _ActorHandle | None:
        while len(self.starting) + len(self.idle) + len(self.busy) < self.room:
            assert self.first is not None  # there is room for jobs only if there are some
            worker = _ActorHandle(self.ray, self.first)
            self.starting[worker.handle.prepare.remote(*self.preparation)] = worker
        if not self.idle:
            return None
        self.busy.append(self.idle.pop())
        return self.busy[-1]

    def wait(self, busy: list[_ActorHandle], seconds: float) -> list[_ActorHandle]:
        if not busy:
            self._require_somebody()
            seconds = min(seconds, PLACEMENT_S)
        steps = {worker.steps: worker for worker in busy}
        ready, _ = self.ray.wait([*steps, *self.starting], num_returns=1, timeout=seconds, fetch_local=False)
        for reference in ready:
            if reference in self.starting:
                self._prepared(reference)
        return [steps[reference] for reference in ready if reference in steps]

    def give_back(self, worker: _ActorHandle) -> None:
        self.busy.remove(worker)
        self.idle.append(worker)
        self.nobody_since = time.monotonic()

    def end(self, worker: _ActorHandle) -> None:
        self.busy.remove(worker)
        worker.stop()
        self.nobody_since = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self.starting.values(), *self.idle, *self.busy]:
            worker.stop()

    def _prepared(self, reference: Any) -> None:
        worker = self.starting.pop(reference)
        try:
            problem = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            worker.stop()
            self.deaths_at_start += 1
            if self.deaths_at_start > _MAX_DEATHS_AT_START * self.room:
                raise DrivesimError(f"workers die while they start, the last one so: {_in_words(error)}") from None
            return
        self.deaths_at_start = 0
        if problem is None:
            self.idle.append(worker)
            return
        worker.stop()
        self.room -= 1
        self.unfit = problem

    def _require_somebody(self) -> None:
        """Called while nobody works; raises DrivesimError if there is no worker to wait for, or after `PLACEMENT_S`."""
        if not self.starting:
            raise DrivesimError(f"no worker of the cluster can take a job: {self.unfit}")
        assert self.first is not None
        if time.monotonic() - self.nobody_since >= PLACEMENT_S:
            raise DrivesimError(
                f"the cluster placed no worker for {PLACEMENT_S:g} s; each takes {self.first.threads} CPUs"
                f"{' and a GPU' if self.first.device == 'cuda' else ''}; `ray status` says what is free"
            )

    def _room_now(self) -> int:
        resources = self.ray.cluster_resources()
        room = int(resources.get("CPU", 0)) // self.first.threads if self.first else 0
        if self.first and self.first.device == "cuda":
            room = min(room, int(resources.get("GPU", 0)))
        return max(1, room)


class _ActorHandle:
    """An actor on the cluster, and the steps of the job that it does."""

    def __init__(self, ray: Any, first: RolloutJob) -> None:
        self.ray = ray
        actor = ray.remote(
            num_cpus=first.threads,
            num_gpus=1 if first.device == "cuda" else 0,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )(_Actor)
        self.handle = actor.remote()
        self.steps: ray.ObjectRefGenerator | None = None

    def start(self, job: RolloutJob) -> None:
        self.steps = self.handle.run.options(num_returns="streaming").remote(job)

    def receive(self) -> Timed | Ended:
        assert self.steps is not None  # only a worker with a job is listened to
        try:
            message: Timed | Ended = self.ray.get(next(self.steps))
            return message
        except StopIteration:
            raise WorkerDied("its worker ended without saying why") from None
        except self.ray.exceptions.RayError as error:
            raise WorkerDied(f"its worker on the cluster is gone: {_in_words(error)}") from None

    def stop(self) -> None:
        self.ray.kill(self.handle, no_restart=True)


class _Actor:
    """What runs on a node of the cluster."""

    def prepare(
        self, first: RolloutJob, common: dict[str, Any], versions: dict[str, str], work: Work | None
    ) -> str | None:
        """Gets ready for jobs like `first`; returns why it cannot, or None."""
        for name, version in library_versions().items():
            if version != versions[name]:
                return f"{socket.gethostname()} has {name} {version}, this machine {versions[name]}"
        try:
            self.work = work or engine_work(common, load_engine(first, common))
        except DrivesimError as error:
            return f"{socket.gethostname()}: {error}"
        return None

    def run(self, job: RolloutJob) -> Iterator[Timed | Ended]:
        """Does a job and yields its messages."""
        yield from attempt(job, self.work)


def _in_words(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
