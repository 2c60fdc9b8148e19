"""Every stage trains, measures, draws, saves and continues on a device that is not the CPU."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

import stand_in_device
from drivesim.diffusion.samplers import dpm_solver_2m
from drivesim.models.checkpoints import ROLES, VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.presets import tiny
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.loop import Report
from drivesim.training.loop.session import train_stage
from drivesim.training.losses.crops import CropConfig
from drivesim.training.preparation import stages
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages import diffusion


def train(role: str, logs: Path, out: Path, steps: int, device: str) -> list[Report]:
    request = StageRequest(role, tiny(), logs, out, device, batch_size=2)
    return list(train_stage(request, partial(prepare, request, lambda *_: None), TrainingBudget(steps=steps)))


def test_no_operation_of_a_stage_mixes_devices(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of training, so that each stage stands on those before it; the second run restores its state."""
    torch.set_num_threads(1)
    monkeypatch.setattr(diffusion, "_HELD_OUT_FRAMES", 16)
    monkeypatch.setattr(diffusion, "dpm_solver_2m", lambda *inputs: dpm_solver_2m(*inputs[:-1], 2))
    settings, small = stages.upsampler_settings, CropConfig(side=32)
    monkeypatch.setattr(stages, "upsampler_settings", lambda *names: replace(settings(*names), patches=small))
    for role in (*ROLES, VEHICLE_DETECTOR):
        with stand_in_device.stand_in_device():
            runs = [train(role, logs, tmp_path, steps, stand_in_device.NAME) for steps in (2, 3)]
        reports = [report for reports in runs for report in reports]
        assert [report.step for report in reports] == [1, 2, 3], role
        assert all(math.isfinite(report.figures["network_gradient_norm"]) for report in reports), role
        assert reports[-1].saved, role
        assert reports[-1].figures["held_out_samples"] > 0, role
        assert all(torch.isfinite(p).all() for p in CheckpointSet.open(tmp_path).load(role).parameters()), role


def test_the_stand_in_refuses_what_a_gpu_would() -> None:
    name = stand_in_device.NAME
    with stand_in_device.stand_in_device() as device:
        there, here = torch.ones(3, device=name), torch.arange(3.0)
        assert (there + here.to(name)).cpu().tolist() == [1, 2, 3]
        assert float((there * 2).sum()) == 6
        assert device.num_waits == 1
        with pytest.raises(RuntimeError, match="on the CPU and on another device"):
            there + here
        with pytest.raises(RuntimeError, match="a generator of the CPU"):
            torch.randn(3, generator=torch.Generator().manual_seed(0), device=name)
