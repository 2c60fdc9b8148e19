"""What an archive says about the rollout that made it: its scenario, and the job that renders its latents again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivesim.archive import Archive, open_archive
from drivesim.archive.previews import PREVIEW_CRF
from drivesim.errors import InputError
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.machine import MAX_THREADS, chosen_device
from drivesim.scenario import Scenario


class _Origin(BaseModel):
    """How an archive was made, as far as a rendering repeats it; somebody may have edited it."""

    model_config = ConfigDict(strict=True)

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    preset: Literal["fast", "quality"]
    device: Literal["cpu", "cuda"]
    threads: Annotated[int, Field(ge=1, le=MAX_THREADS)]
    gate_attempts: Annotated[int, Field(ge=1, le=64)]
    precision: Literal["float32", "bfloat16"] = "float32"
    frames_precision: Literal["float32", "bfloat16"] | None = None


def render_job(
    path: Path, out: Path, checkpoints: Path, crf: int = PREVIEW_CRF, precision: str | None = None
) -> RolloutJob:
    """Returns the job that renders an archive's latents into a new archive; the arguments are those of `archived_job`.

    Raises:
        InputError: the archive was not made by a rollout, or `out` is the folder that holds it.
        ArchiveError: it is damaged.
    """
    job = archived_job(path, out, checkpoints, crf, precision)
    if os.path.realpath(job.archive_path) == str(open_archive(path).path):
        raise InputError(f"--out {out}: holds the archive itself; choose another folder for the new one")
    return job


def archived_job(
    path: Path, out: Path, checkpoints: Path, crf: int = PREVIEW_CRF, precision: str | None = None
) -> RolloutJob:
    """Returns the job that makes frames from an archive's latents, on the kind of device that made them.

    `run_rollout` refuses the job if the checkpoints are not those that made the archive.

    Args:
        path: the archive.
        out: folder for what is made.
        checkpoints: folder of the models.
        crf: quality of the videos.
        precision: number format of the networks that make the frames; by default that of the archive.

    Raises:
        InputError: the archive was not made by a rollout.
        ArchiveError: it is damaged.
    """
    archive = open_archive(path)
    scenario = archived_scenario(archive)
    try:
        inputs = archive.manifest.inputs
        made = _Origin.model_validate(
            {
                **inputs["settings"],
                "seed": inputs["scenario"]["seed"],
                "preset": archive.provenance["preset"],
                "device": inputs["device"],
                "threads": inputs["threads"],
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _not_a_rollout(path, error) from None
    return RolloutJob(
        scenario=scenario,
        out=out,
        checkpoints=checkpoints,
        seed=made.seed,
        futures=archive.layout.num_futures,
        preset=made.preset,
        device=chosen_device(made.device),
        threads=made.threads,
        crf=crf,
        gate=made.gate_attempts,
        latents=path,
        precision=made.precision,
        frames_precision=precision or made.frames_precision,
    )


def archived_scenario(archive: Archive) -> Scenario:
    """Returns the scenario that an archive was made of; raises InputError if no rollout made the archive."""
    try:
        return Scenario.model_validate_json(json.dumps(archive.provenance["scenario"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _not_a_rollout(archive.path, error) from None


def _not_a_rollout(path: Path, error: Exception) -> InputError:
    message = " ".join(str(error).split())[:200]
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
    return InputError(f"{path}: was not made by a rollout of this drivesim ({message})")
