"""What decides the bytes of an archive, and what an archive says about its origin."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import drivesim
from drivesim.archive import open_archive
from drivesim.engine import EngineSettings, sampled_students, settings_named
from drivesim.engine.real_frames import read_real_frame
from drivesim.engine.unheeded import heeded_settings
from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.stages import TEACHER_OF
from drivesim.rollout.job import RolloutJob


def verified_checkpoints(folder: Path) -> CheckpointSet:
    """Opens a folder of checkpoints; raises CheckpointError if a file is not the one that the manifest records."""
    checkpoints = CheckpointSet.open(folder)
    checkpoints.verify_all()
    return checkpoints


def settings_of(job: RolloutJob) -> EngineSettings:
    """Returns how a job is sampled: its preset, gate and precision, and what the scenario gives in their place."""
    settings = replace(
        settings_named(job.preset),
        gate_attempts=job.gate,
        precision=job.precision,
        frames_precision=job.frames_precision,
    )
    return settings.with_sampling(job.scenario.sampling)


def deciding_checkpoints(checkpoints: CheckpointSet, gate: int, settings: EngineSettings) -> dict[str, str]:
    """Returns the sha256 of each checkpoint that decides pictures.

    With a gate the vehicle detector is one of them. Students are, if they are sampled.

    Raises:
        CheckpointError: there is a gate but no vehicle detector, or the file of a student is missing or damaged.
    """
    idle = {VEHICLE_DETECTOR, *TEACHER_OF} - set(sampled_students(settings, checkpoints).values())
    roles = [role for role in checkpoints.roles if role not in idle]
    return checkpoints.digests([*roles, VEHICLE_DETECTOR] if gate > 1 else roles)


def identity_inputs(job: RolloutJob, checkpoints: CheckpointSet) -> dict[str, Any]:
    """Returns everything that decides the bytes of the archive."""
    settings = heeded_settings(settings_of(job), checkpoints)
    return {
        "scenario": _decided_by_scenario(job),
        "settings": settings.canonical(),
        "checkpoints": deciding_checkpoints(checkpoints, job.gate, settings),
        "engine": drivesim.COMPUTATION_VERSION,
        "device": job.device,
        "threads": job.threads,
    }


def _decided_by_scenario(job: RolloutJob) -> dict[str, Any]:
    """Returns what the scenario decides. If latents are taken from an archive, its real frames need not be there."""
    if job.latents is not None and job.scenario.real_frames:
        archived: dict[str, Any] = open_archive(job.latents).manifest.inputs["scenario"]
        return archived
    scenario = {**job.scenario.canonical(), "seed": job.seed}
    if job.scenario.first_frame is not None:
        scenario["first_frame"] = _sha256(read_real_frame(job.scenario.first_frame, job.scenario.fit))
    if job.scenario.context_frames is not None:
        frames = [read_real_frame(frame, job.scenario.fit) for frame in job.scenario.context_frames]
        scenario["context_frames"] = list(map(_sha256, frames))
    return scenario


def provenance(job: RolloutJob, checkpoints: CheckpointSet) -> dict[str, Any]:
    """Returns what an archive says about its origin: the same for equal scenarios and pictures in any folder."""
    students = sampled_students(settings_of(job), checkpoints)
    scenario = job.scenario.model_dump(mode="json")
    if job.scenario.first_frame is not None:
        scenario["first_frame"] = Path(job.scenario.first_frame).name
    if job.scenario.context_frames is not None:
        scenario["context_frames"] = [Path(frame).name for frame in job.scenario.context_frames]
    return {
        "scenario": scenario,
        "preset": job.preset,
        **({"students": students} if students else {}),
        "models": checkpoints.preset.name,
        "versions": {"python": platform.python_version(), **library_versions()},
    }


def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries that the bits may depend on."""
    return {"drivesim": drivesim.__version__, "torch": torch.__version__, "numpy": np.__version__}


def _sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
