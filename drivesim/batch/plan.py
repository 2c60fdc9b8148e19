"""What a batch is to do: scenario files, folders of them and seeds become jobs.

A job is one scenario with one seed, all futures of it in one archive. Its id follows from its content alone: the same
content is one job, however often it is given, and has the same id on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import drivesim
from drivesim.archive.previews import PREVIEW_CRF
from drivesim.archive.sealed_json import canonical_json, sha256
from drivesim.engine import settings_named
from drivesim.errors import InputError, ScenarioError
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.precision import FLOAT32
from drivesim.rollout.identity import deciding_checkpoints, identity_inputs, verified_checkpoints
from drivesim.rollout.job import RolloutJob
from drivesim.scenario import Scenario, load_cases
from drivesim.scenario.files import scenario_files

JOBS_FOLDER = "jobs"


@dataclass(frozen=True)
class PlannedJob:
    """A job of a batch. Its `id` is 12 hex digits of a sha256 over everything that decides its files."""

    id: str
    file: Path
    rollout: RolloutJob

    @property
    def title(self) -> str:
        """What people call the job: its scenario and seed."""
        return f"{self.rollout.scenario.name} seed {self.rollout.seed}"


@dataclass(frozen=True)
class BatchPlan:
    """The jobs of a batch, in order, and the settings that they have in common."""

    out: Path
    common: dict[str, Any]
    jobs: tuple[PlannedJob, ...]

    @property
    def num_futures(self) -> int:
        """Number of futures of all jobs together."""
        return sum(job.rollout.futures for job in self.jobs)


@dataclass(frozen=True)
class BatchOptions:
    """The settings that all jobs of a batch share; those without a comment are as in `RolloutJob`.

    Attributes:
        out: folder of the batch.
        futures: number of futures; by default each scenario's own.
        seeds: seeds of each scenario; by default its own.
        num_seeds: number of seeds that are counted upwards from each of these.
        gate: maximum number of attempts at the first frame of each scenario that has boxes.
    """

    out: Path
    checkpoints: Path
    preset: str = "fast"
    device: str = "cpu"
    threads: int = 1
    futures: int | None = None
    seeds: tuple[int, ...] = ()
    num_seeds: int = 1
    frame_storage: str = "lossless"
    crf: int = PREVIEW_CRF
    gate: int = 1
    precision: str = FLOAT32


def plan_batch(paths: Sequence[Path], options: BatchOptions) -> BatchPlan:
    """Returns the jobs of scenario files and of all scenario files below folders.

    A batch starts only if all of it can be started.

    Raises:
        InputError: there are no scenarios in a path, or seeds are out of range.
        ScenarioError: some files are wrong; it holds the problems of all of them.
        CheckpointError: the models cannot be used.
    """
    checkpoints = verified_checkpoints(options.checkpoints)
    common = {
        "checkpoints": deciding_checkpoints(checkpoints, options.gate, settings_named(options.preset)),
        "engine": drivesim.COMPUTATION_VERSION,
        "preset": options.preset,
        "device": options.device,
        "threads": options.threads,
        "frames": options.frame_storage,
        "gate": options.gate,
    }
    if options.precision != FLOAT32:  # batches from before there was a choice can be continued
        common["precision"] = options.precision
    jobs: dict[str, PlannedJob] = {}
    for file, scenario in _scenarios(paths):
        for seed in _seeds(scenario, options):
            job = _planned(file, scenario, seed, options, checkpoints)
            jobs.setdefault(job.id, job)
    return BatchPlan(options.out, common, tuple(jobs.values()))


def _planned(
    file: Path, scenario: Scenario, seed: int, options: BatchOptions, checkpoints: CheckpointSet
) -> PlannedJob:
    rollout = RolloutJob(
        scenario,
        options.out,
        options.checkpoints,
        seed,
        futures=options.futures or scenario.futures,
        preset=options.preset,
        device=options.device,
        threads=options.threads,
        workers=1,
        frame_storage=options.frame_storage,
        crf=options.crf,
        gate=1 if scenario.layout() is None else options.gate,
        precision=options.precision,
    )
    content = {
        "name": scenario.name,
        "futures": rollout.futures,
        "frames": options.frame_storage,
        **identity_inputs(rollout, checkpoints),
    }
    job_id = sha256(canonical_json(content))[:12]
    return PlannedJob(job_id, file, replace(rollout, out=options.out / JOBS_FOLDER / f"{scenario.name}_{job_id}"))


def _seeds(scenario: Scenario, options: BatchOptions) -> Iterator[int]:
    for first in options.seeds or (scenario.seed,):
        if first + options.num_seeds > 2**63:
            raise InputError(f"{scenario.name}: {options.num_seeds} seeds from {first} on go beyond 2^63 - 1")
        yield from range(first, first + options.num_seeds)


def _scenarios(paths: Sequence[Path]) -> Iterator[tuple[Path, Scenario]]:
    errors: list[ScenarioError] = []
    found = []
    for file in scenario_files(paths):
        try:
            found += [(file, scenario) for scenario in _concrete(file)]
        except ScenarioError as error:
            errors.append(error)
    if errors:
        raise ScenarioError(
            *(problem for error in errors for problem in error.args), num_more=sum(error.num_more for error in errors)
        )
    yield from found


def _concrete(file: Path) -> list[Scenario]:
    """Returns the concrete scenarios of a file."""
    return list(load_cases(file))
