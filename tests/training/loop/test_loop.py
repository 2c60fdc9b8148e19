"""A resumed run repeats the uninterrupted one; numbers that are not finite stop a training and spoil nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drivesim.errors import CheckpointError, DivergenceError
from drivesim.models.checkpoints import build
from drivesim.models.presets import tiny
from drivesim.training.loop.budget import Progress, TrainingBudget
from drivesim.training.loop.loop import MOST_SKIPPED_STEPS, Training
from drivesim.training.loop.randomness import step_generator
from drivesim.training.losses.crops import CropConfig
from drivesim.training.losses.reconstruction import ReconstructionConfig
from drivesim.training.preparation.footage import packed_footage
from drivesim.training.preparation.request import StageRequest
from drivesim.training.stages.autoencoder import AutoencoderStage, AutoencoderTraining
from drivesim.training.stages.stage import LossTerm


@pytest.fixture
def training(logs: Path):
    """Makes trainings of one stage whose adversary and perceptual loss join in early, in a folder of one's choice."""
    footage = packed_footage(StageRequest("autoencoder", tiny(), logs, logs), lambda *_: None)
    losses = ReconstructionConfig(perceptual_start=1, adversarial_start=2)

    def make(
        folder: Path,
        steps: int,
        preset=tiny(),  # noqa: B008
        foundations: dict[str, str] | None = None,
    ) -> Training:
        torch.manual_seed(0)
        config = AutoencoderTraining(batch_size=2, crops=CropConfig(side=32), reconstruction=losses)
        stage = AutoencoderStage(build("autoencoder", preset), footage, config, "cpu")
        return Training(stage, folder, TrainingBudget(1e9, steps), foundations)

    return make


def run(training: Training) -> list[dict[str, float]]:
    """Trains to the end, saving where it is time; the figures of every step."""
    figures = []
    for report in training.run():
        figures.append(report.figures)
        if report.saved:
            training.save()
    return figures


def test_a_resumed_run_has_the_same_losses_and_parameters(training, tmp_path: Path) -> None:
    whole = training(tmp_path / "whole", 5)
    expected = run(whole)
    parts = training(tmp_path / "parts", 5)
    found = []
    for report in parts.run():
        found.append(report.figures)
        if report.step == 3:
            parts.save()
            break
    resumed = training(tmp_path / "parts", 5)
    assert resumed.progress.step == 3
    found += run(resumed)
    assert found == expected
    for name, parameter in whole.stage.network.named_parameters():
        assert torch.equal(parameter, resumed.stage.network.get_parameter(name)), name
    for name, average in whole.average.average.items():
        assert torch.equal(average, resumed.average.average[name]), name


def test_a_state_of_the_decoder_alone_is_refused_where_the_other_weights_are_missing(training, tmp_path: Path) -> None:
    whole = training(tmp_path, 1)
    decoder = {name: p for name, p in whole.stage.parameters()["network"].items() if name.startswith("decoder.")}
    whole.state.parameters["network"] = whole.average.parameters = decoder
    for name in set(whole.average.average) - set(decoder):
        del whole.average.average[name]
    whole.save()
    with pytest.raises(CheckpointError, match=r"state is of other parameters .* with --init"):
        training(tmp_path, 1)
    assert not training(tmp_path, 1, foundations={"initial": "given"}).restored


def test_the_budget_counts_all_runs(training, tmp_path: Path) -> None:
    run(training(tmp_path, 2))
    assert run(training(tmp_path, 2)) == []
    assert len(run(training(tmp_path, 3))) == 1


def test_the_learning_rate_falls_to_nearly_zero(training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = training(tmp_path, 40)
    trained.stage.config = replace(trained.stage.config, warmup_steps=1)
    rates: list[float] = []
    monkeypatch.setattr(trained.state.optimizers["network"], "step", rates.append)
    run(trained)
    rate = trained.stage.config.learning_rate
    assert rates[:32] == [rate] * 32
    assert rates[-1] == pytest.approx(rate / 8)


def test_on_another_foundation_training_goes_on_and_counts_anew(training, tmp_path: Path) -> None:
    run(training(tmp_path, 2, foundations={"image": "old"}))
    assert run(training(tmp_path, 2, foundations={"image": "old"})) == []
    continued = training(tmp_path, 2, foundations={"image": "new"})
    assert continued.progress.step == 2
    assert continued.budget.start == continued.progress
    assert len(run(continued)) == 2
    assert run(training(tmp_path, 2, foundations={"image": "new"})) == []


def test_a_state_of_another_network_is_refused(training, tmp_path: Path) -> None:
    run(training(tmp_path, 1))
    wider = replace(tiny(), autoencoder=replace(tiny().autoencoder, base_channels=32))
    with pytest.raises(CheckpointError, match="does not fit"):
        training(tmp_path, 1, wider)


@pytest.mark.parametrize("poisoned", ["loss", "gradient"])
def test_a_training_that_leaves_the_finite_numbers_stops_with_its_last_good_state(
    training, tmp_path: Path, poisoned: str
) -> None:
    run(training(tmp_path, 2))
    diverging = training(tmp_path, 100)
    losses = diverging.stage.losses

    def spoiled(step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        for term in losses(step, used, generator):
            value = term.value
            if step >= 4 and poisoned == "loss":
                value = value + torch.full((), torch.inf)
            elif step >= 4:
                value = value + 0 * diverging.stage.network.decoder.conv_out.weight.mul(0).sqrt().sum()
            yield replace(term, value=value)

    diverging.stage.losses = spoiled
    reports = diverging.run()
    skipped = [next(reports).figures["skipped_steps"] for _ in range(2)]
    before = {name: p.detach().clone() for name, p in diverging.stage.network.named_parameters()}
    skipped += [next(reports).figures["skipped_steps"] for _ in range(MOST_SKIPPED_STEPS - 1)]
    assert skipped == [0, 0, 1, 1, 1, 1]
    with pytest.raises(DivergenceError, match=rf"diverged at step {4 + MOST_SKIPPED_STEPS}") as caught:
        next(reports)
    assert caught.value.exit_code == 1
    assert all(torch.equal(before[name], p) for name, p in diverging.stage.network.named_parameters())
    assert training(tmp_path, 100).progress.step == 2


def test_a_short_training_without_one_finite_loss_does_not_end_well(training, tmp_path: Path) -> None:
    trained = training(tmp_path, 2)
    losses = trained.stage.losses
    trained.stage.losses = lambda *given: (replace(term, value=term.value * torch.nan) for term in losses(*given))
    with pytest.raises(DivergenceError):
        run(trained)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [torch.nan, 1e6])
def test_a_state_that_could_not_be_exported_is_not_saved(training, tmp_path: Path, value: float) -> None:
    run(training(tmp_path, 2))
    trained = training(tmp_path, 3)
    next(trained.run())
    next(iter(trained.average.average.values())).flatten()[0] = value  # beyond fp16, where it is finite
    with pytest.raises(DivergenceError, match="not finite"):
        trained.save()
    assert training(tmp_path, 3).progress == Progress(2, trained.resumed_from.progress.elapsed_s)


def test_steps_and_processes_draw_their_own_numbers() -> None:
    draws = {float(torch.rand((), generator=step_generator(0, step, rank))) for step in range(4) for rank in range(3)}
    assert len(draws) == 12
