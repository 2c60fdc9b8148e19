"""What a batch is to do: scenario files and folders × seeds become jobs, each with an id that follows from its content.

A job is a scenario with a seed, all futures of it in one archive. The same content is one job, however often it is
given, and has the same id on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import drivesim
from drivesim.archive.previews import PREVIEW_CRF
from drivesim.archive.sealed_json import canonical_json, sha256
from drivesim.errors import InputError, ScenarioError
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.precision import FLOAT32
from drivesim.rollout.job import RolloutJob, deciding_checkpoints, identity_inputs, verified_checkpoints
from drivesim.scenario import Scenario, load_cases

JOBS_FOLDER = "jobs"
_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class PlannedJob:
    """A job of a batch. `id`: 12 hex digits of a sha256 over everything that decides its files."""

    id: str
    file: Path
    rollout: RolloutJob

    @property
    def title(self) -> str:
        """The job for people: scenario and seed."""
        return f"{self.rollout.scenario.name} seed {self.rollout.seed}"


@dataclass(frozen=True)
class BatchPlan:
    """The jobs of a batch, in order, and what they have in common."""

    out: Path
    common: dict
    jobs: tuple[PlannedJob, ...]

    @property
    def num_futures(self) -> int:
        """Futures of all jobs."""
        return sum(job.rollout.futures for job in self.jobs)


@dataclass(frozen=True)
class BatchOptions:
    """What all jobs of a batch share; `seeds` and `futures`: instead of each scenario's own.

    num_seeds: seeds counted upwards from each of these. gate: attempts at the first frame of each scenario with boxes.
    """

    out: Path
    checkpoints: Path
    preset: str = "fast"
    device: str = "cpu"
    threads: int = 1
    futures: int | None = None
    seeds: tuple[int, ...] = ()
    num_seeds: int = 1
    frames: str = "lossless"
    crf: int = PREVIEW_CRF
    gate: int = 1
    precision: str = FLOAT32


def plan_batch(paths: Sequence[Path], options: BatchOptions) -> BatchPlan:
    """All jobs of scenario files, and of the scenario files in folders and theirs.

    Raises InputError for a path without scenarios, ScenarioError with the problems of every file that is wrong, and
    CheckpointError: a batch starts only if all of it can be started.
    """
    checkpoints = verified_checkpoints(options.checkpoints)
    common = {
        "checkpoints": deciding_checkpoints(checkpoints, options.gate),
        "engine": drivesim.COMPUTATION_VERSION,
        "preset": options.preset,
        "device": options.device,
        "threads": options.threads,
        "frames": options.frames,
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
        options.futures or scenario.futures,
        options.preset,
        options.device,
        options.threads,
        workers=1,
        frames=options.frames,
        crf=options.crf,
        gate=1 if scenario.layout() is None else options.gate,
        precision=options.precision,
    )
    content = {
        "name": scenario.name,
        "futures": rollout.futures,
        "frames": options.frames,
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
    problems: list[object] = []
    found = []
    for file in _files(paths):
        try:
            found += [(file, scenario) for scenario in _concrete(file)]
        except ScenarioError as error:
            problems += error.args
    if problems:
        raise ScenarioError(*problems)
    yield from found


def _concrete(file: Path) -> list[Scenario]:
    """The concrete scenarios of a file."""
    return list(load_cases(file))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(file for file in path.rglob("*") if file.suffix in _ENDINGS and file.is_file())
        if not files:
            raise InputError(f"{path}: holds no scenario files ({', '.join(_ENDINGS)})")
        yield from files
