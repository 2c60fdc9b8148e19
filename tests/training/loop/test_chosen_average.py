"""At its end, a training exports the average whose held-out figure is best; another one can be exported later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import build, publish_checkpoint, sha256_of
from drivesim.models.checkpoints.files import stage_tensors
from drivesim.models.presets import Preset
from drivesim.training.loop import snapshots
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.loop import Report, Training
from drivesim.training.loop.session import AVERAGE_LENGTH, export_average, train_stage
from drivesim.training.loop.snapshots import CHOICES, Snapshots
from drivesim.training.loop.state_folder import StateFolder
from drivesim.training.preparation.request import StageRequest

STEPS = 24
Train = Callable[..., list[Report]]


@pytest.fixture(autouse=True)
def _early_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few steps leave several."""
    monkeypatch.setattr(snapshots, "_FIRST", 10)


@pytest.fixture
def folder(tmp_path: Path, quick_preset: Preset) -> Path:
    torch.manual_seed(1)
    publish_checkpoint(tmp_path, quick_preset, "autoencoder", build("autoencoder", quick_preset))
    return tmp_path


@pytest.fixture
def train(quick_stage: type, quick_preset: Preset) -> Train:
    """Trains a stage in a folder; `chosen` says whether the length of its average is chosen."""

    def make(request: StageRequest, chosen: bool) -> object:
        stage = quick_stage(request)
        if chosen:
            stage.config = replace(stage.config, average_chosen_by="held_out_loss")
        return stage

    def run(folder: Path, steps: int = STEPS, chosen: bool = True, every_s: float = 1e9) -> list[Report]:
        request = StageRequest("image", quick_preset, folder / "no_footage", folder)
        return list(train_stage(request, partial(make, request, chosen), TrainingBudget(1e9, steps), every_s))

    return run


def exported(folder: Path) -> dict[str, torch.Tensor]:
    return stage_tensors(folder / "image.safetensors", "image")


def loss_of(tensors: dict[str, torch.Tensor]) -> float:
    """The held-out figure of `QuickStage`."""
    return float(torch.cat([tensor.flatten() for tensor in tensors.values()]).square().mean())


def test_the_exported_average_is_the_best_of_all_lengths(folder: Path, train: Train) -> None:
    figures = train(folder)[-1].figures
    kept = Snapshots(folder / "training" / "image")
    losses = {length: loss_of(made) for length in CHOICES if (made := kept.averaged(length)) is not None}
    best = min(losses, key=losses.__getitem__)
    assert len(losses) >= 2
    assert figures[AVERAGE_LENGTH] == best
    assert figures["held_out_loss"] == pytest.approx(losses[best])
    expected = kept.averaged(best)
    assert all(torch.equal(tensor, expected[name].half().float()) for name, tensor in exported(folder).items())


def test_an_interrupted_training_keeps_the_same_averages(folder: Path, quick_stage: type, quick_preset: Preset) -> None:
    def training(name: str) -> Training:
        stage = quick_stage(StageRequest("image", quick_preset, folder, folder))
        stage.config = replace(stage.config, average_chosen_by="held_out_loss")
        return Training(stage, folder / name, TrainingBudget(1e9, STEPS))

    whole, parts = training("whole"), training("parts")
    list(whole.run())
    for report in parts.run():
        if report.step == STEPS // 2:
            parts.save()
        if report.step == STEPS - 2:
            break
    list(training("parts").run())
    for name in sorted(path.name for path in (folder / "whole" / "snapshots").iterdir()):
        assert sha256_of(folder / "parts" / "snapshots" / name) == sha256_of(folder / "whole" / "snapshots" / name)


def test_a_state_of_an_earlier_version_is_continued(folder: Path, train: Train) -> None:
    train(folder, 5, chosen=False)
    reports = train(folder, 20)
    assert [report.step for report in reports] == list(range(6, 21))
    assert AVERAGE_LENGTH in reports[-1].figures


def test_another_length_can_be_exported_and_the_stage_stays_finished(folder: Path, train: Train) -> None:
    train(folder)
    before = exported(folder)
    published = export_average(folder, "image", 0.1)
    after = exported(folder)
    expected = Snapshots(folder / "training" / "image").averaged(0.1)
    assert all(torch.equal(after[name], expected[name].half().float()) for name in after)
    assert any(not torch.equal(after[name], before[name]) for name in after)
    assert not train(folder)
    assert sha256_of(folder / "image.safetensors") == published.sha256["image"]
    states = StateFolder(folder / "training" / "image")
    states.last_record()
    assert states.evaluation().figures == {AVERAGE_LENGTH: "0.1"}


def test_a_checkpoint_that_was_lost_is_exported_again(folder: Path, train: Train) -> None:
    train(folder)
    before = sha256_of(folder / "image.safetensors")
    (folder / "image.safetensors").unlink()
    train(folder)
    assert sha256_of(folder / "image.safetensors") == before


def test_a_training_without_snapshots_says_so(folder: Path, train: Train) -> None:
    train(folder, 3, chosen=False)
    with pytest.raises(CheckpointError, match="too few snapshots"):
        export_average(folder, "image", 0.1)
