"""A resumed run repeats the uninterrupted one; what a kill leaves behind is never trusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import build
from drivesim.models.presets import tiny
from drivesim.training.adversarial import ReconstructionConfig
from drivesim.training.autoencoder import AutoencoderStage, AutoencoderTraining
from drivesim.training.crops import CropConfig
from drivesim.training.loop import Training, step_generator
from drivesim.training.stages import StageRequest, packed_footage


@pytest.fixture
def training(logs: Path):
    """Makes trainings of one stage whose adversary and perceptual loss join in early, in a folder of one's choice."""
    footage = packed_footage(StageRequest("autoencoder", tiny(), logs, logs), lambda *_: None)
    losses = ReconstructionConfig(perceptual_start=1, adversarial_start=2)

    def make(folder: Path, preset=tiny()) -> Training:  # noqa: B008
        torch.manual_seed(0)
        config = AutoencoderTraining(batch_size=2, crops=CropConfig(side=32), reconstruction=losses)
        return Training(AutoencoderStage(build("autoencoder", preset), footage, config, "cpu"), folder)

    return make


def test_a_resumed_run_has_the_same_losses_and_parameters(training, tmp_path: Path) -> None:
    whole = training(tmp_path / "whole")
    expected = [report.figures for report in whole.run(1e9, 5)]
    found = [report.figures for report in training(tmp_path / "parts").run(1e9, 3)]
    resumed = training(tmp_path / "parts")
    assert resumed.step == 3
    found += [report.figures for report in resumed.run(1e9, 5)]
    assert found == expected
    for name, parameter in whole.stage.network.named_parameters():
        assert torch.equal(parameter, resumed.stage.network.get_parameter(name)), name
    for name, average in whole.average.average.items():
        assert torch.equal(average, resumed.average.average[name]), name


def test_a_save_that_was_killed_is_not_trusted(training, tmp_path: Path) -> None:
    list(training(tmp_path).run(1e9, 2))
    (tmp_path / "00000009.partial").mkdir()
    (tmp_path / "00000010").mkdir()
    (tmp_path / "00000010" / "state.safetensors").write_bytes(b"half")
    assert training(tmp_path).step == 2


def test_the_time_box_counts_all_runs(training, tmp_path: Path) -> None:
    list(training(tmp_path).run(1e9, 2))
    assert list(training(tmp_path).run(1e-9)) == []


def test_a_state_of_another_network_is_refused(training, tmp_path: Path) -> None:
    list(training(tmp_path).run(1e9, 1))
    wider = replace(tiny(), autoencoder=replace(tiny().autoencoder, base_channels=32))
    with pytest.raises(CheckpointError, match="does not fit"):
        training(tmp_path, wider)


def test_steps_and_processes_draw_their_own_numbers() -> None:
    draws = {float(torch.rand((), generator=step_generator(0, step, rank))) for step in range(4) for rank in range(3)}
    assert len(draws) == 12
