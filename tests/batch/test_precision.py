"""A precision is part of what an archive is; what is float32 has the identity that it always had."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.archive import open_archive
from drivesim.batch.plan import BatchOptions, plan_batch
from drivesim.engine import Engine
from drivesim.errors import InputError
from drivesim.models.checkpoints import CheckpointSet
from drivesim.rollout.archived import render_job
from drivesim.rollout.identity import identity_inputs
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import Committed, run_rollout
from drivesim.scenario import Scenario

# The settings in the inputs of an archive, with the keys from before there was a choice of precision, as JSON.
SETTINGS_OF_AN_ARCHIVE = json.loads("""{
  "image": {"steps": 2, "sampler": "dpm_solver_2m"},
  "prediction": {"steps": 2, "sampler": "dpm_solver_2m"},
  "interpolation": {"steps": 6, "sampler": "dpm_solver_2m"},
  "upsampler": {"sampling": {"steps": 1, "sampler": "ddim"}, "low_res_tau": 30, "noise_correlation": 1.0,
                "block_frames": 12, "block_context": 1, "tile": null},
  "image_guidance": 6.0, "scene_guidance": 1.0, "context_guidance": 2.0, "guidance_rescale": 0.7,
  "interpolation_passes": 1, "decoder_frames": 24, "draw_layouts": true, "gate_attempts": 1
}""")


@pytest.fixture
def job(tiny_checkpoints: Path, tmp_path: Path) -> RolloutJob:
    """One future of two windows."""
    scenario = Scenario.model_validate(
        {"format": 1, "name": "short", "time_of_day": "day", "duration_s": 3.0, "sampling": {"steps": 2}}
    )
    return RolloutJob(scenario, tmp_path / "whole", tiny_checkpoints, seed=5, futures=1, workers=1)


def test_float32_keeps_the_keys_of_earlier_archives(job: RolloutJob) -> None:
    inputs = identity_inputs(job, CheckpointSet.open(job.checkpoints))
    assert inputs["settings"] == SETTINGS_OF_AN_ARCHIVE


def test_a_worker_makes_the_bits_of_an_engine_in_this_process_and_continues_them(job: RolloutJob) -> None:
    torch.set_num_threads(1)
    job = replace(job, precision="bfloat16")
    events = run_rollout(job)
    next(event for event in events if isinstance(event, Committed))
    events.close()
    list(run_rollout(job))
    archive, windows = open_archive(job.archive_path), list(Engine.load(job.checkpoints).rollout(job.scenario, 5))
    assert archive.manifest.inputs["settings"] == {**SETTINGS_OF_AN_ARCHIVE, "precision": "bfloat16"}
    assert not np.array_equal(archive.rollouts[0].latents[1], windows[1].keyframe_latents)
    other = replace(job, out=job.out.with_name("here"))
    list(run_rollout(other, Engine.load(job.checkpoints)))
    here = open_archive(other.archive_path)
    assert here.manifest.identity == archive.manifest.identity
    assert np.array_equal(archive.rollouts[0].frames[:], here.rollouts[0].frames[:])
    assert np.array_equal(archive.rollouts[0].latents[1], here.rollouts[0].latents[1])


def test_an_archive_is_not_continued_in_another_precision(job: RolloutJob) -> None:
    engine = Engine.load(job.checkpoints)
    list(run_rollout(replace(job, frame_storage="none"), engine))
    with pytest.raises(InputError, match=r"settings\.precision: archive absent, this run bfloat16"):
        list(run_rollout(replace(job, frame_storage="none", precision="bfloat16"), engine))


def test_latents_are_rendered_in_their_own_precision_or_in_another(job: RolloutJob, tmp_path: Path) -> None:
    engine = Engine.load(job.checkpoints)
    job = replace(job, frame_storage="none", precision="bfloat16")
    list(run_rollout(job, engine))
    same = render_job(job.archive_path, tmp_path / "same", job.checkpoints)
    other = render_job(job.archive_path, tmp_path / "other", job.checkpoints, precision="float32")
    for rendering in (same, other):
        list(run_rollout(rendering, engine))
    archives = [open_archive(rendering.archive_path) for rendering in (same, other)]
    windows = list(engine.rollout(job.scenario, 5, settings=None))
    assert [archive.manifest.inputs["settings"].get("frames_precision") for archive in archives] == [None, "float32"]
    latents = [archive.rollouts[0].latents[1] for archive in archives]
    assert np.array_equal(*latents)
    assert not np.array_equal(latents[0], windows[1].keyframe_latents)
    assert not np.array_equal(*(archive.rollouts[0].frames[:] for archive in archives))
    back = render_job(other.archive_path, tmp_path / "back", job.checkpoints, precision="bfloat16")
    list(run_rollout(back, engine))
    assert open_archive(back.archive_path).manifest.identity == archives[0].manifest.identity


def test_a_batch_of_float32_is_the_batch_that_it_was(tiny_checkpoints: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("format: 1\nname: a\ntime_of_day: day\nduration_s: 2\n")
    usual = plan_batch([file], BatchOptions(tmp_path, tiny_checkpoints))
    reduced = plan_batch([file], BatchOptions(tmp_path, tiny_checkpoints, precision="bfloat16"))
    assert "precision" not in usual.common
    assert reduced.common == {**usual.common, "precision": "bfloat16"}
    assert usual.jobs[0].id != reduced.jobs[0].id
    assert reduced.jobs[0].rollout.precision == "bfloat16"
