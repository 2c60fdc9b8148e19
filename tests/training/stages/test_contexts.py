from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drivesim.models.checkpoints import build, publish_checkpoint
from drivesim.models.conditioning import Conditioning
from drivesim.models.presets import tiny
from drivesim.training.loop.randomness import step_generator
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.contexts import ContextTraining, chained_windows, noisy_context, with_known_frames
from drivesim.training.stages.diffusion import LatentDiffusionStage

CONTEXT = ContextTraining(self_made=0.0, chained_windows=3)


def generator() -> torch.Generator:
    return step_generator(0, 0, 0)


def test_windows_in_a_row_overlap_by_their_context() -> None:
    assert chained_windows(8, 2, 3) == (range(0, 8), range(6, 14), range(12, 20))
    assert chained_windows(8, 2, 1) == (range(0, 8),)


def test_the_noise_of_a_context_is_as_strong_as_it_says() -> None:
    levels = torch.tensor([0.0, 0.1, 0.7])
    context = noisy_context(torch.zeros(3, 2, 8, 16, 16), torch.ones(3, 2, dtype=torch.bool), levels, generator())
    assert torch.allclose(context.latents.std((1, 2, 3, 4)), levels, rtol=0.05)
    assert context.noise is levels


def test_levels_stay_below_their_limit_and_small_ones_are_frequent() -> None:
    embedded = CONTEXT.noise_levels(10_000, True, generator())
    assert 0.6 < embedded.max() <= CONTEXT.embedded_noise
    assert 0.3 < (embedded < 0.1).float().mean() < 0.5
    assert CONTEXT.noise_levels(10_000, False, generator()).max() <= CONTEXT.noise


def test_only_known_frames_are_replaced() -> None:
    clean, made = torch.randn(3, 4, 1, 2, 2), torch.randn(3, 2, 1, 2, 2)
    mask = torch.arange(4) < torch.tensor([0, 1, 2])[:, None]
    mixed = with_known_frames(clean, made, mask)
    assert torch.equal(mixed[mask], made[mask[:, :2]])
    assert torch.equal(mixed[~mask], clean[~mask])


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder and an image network that are not trained."""
    folder = tmp_path_factory.mktemp("untrained")
    torch.manual_seed(0)
    for role in ("autoencoder", "image"):
        publish_checkpoint(folder, tiny(), role, build(role, tiny()))
    return folder


@pytest.fixture
def stage(long_logs: Path, checkpoints: Path) -> LatentDiffusionStage:
    preset = replace(tiny(), prediction=replace(tiny().prediction, context_noise=True))
    request = StageRequest("prediction", preset, long_logs, checkpoints, batch_size=2)
    made = prepare(request, lambda *_: None)
    made.config = replace(made.config, context=CONTEXT)
    return made


class Seen:
    """Keeps what the network is given."""

    def __init__(self, stage: LatentDiffusionStage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[torch.Tensor, Conditioning, bool]] = []
        forward = stage.network.forward

        def recorded(x: torch.Tensor, tau: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
            self.calls.append((x, conditioning, torch.is_grad_enabled()))
            return forward(x, tau, conditioning)

        monkeypatch.setattr(stage.network, "forward", recorded)


def test_windows_are_chained_at_the_end_of_the_training_alone(
    stage: LatentDiffusionStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(stage, monkeypatch)
    assert len(list(stage.losses(0, CONTEXT.chained_from - 0.01, generator()))) == 1
    assert len(seen.calls) == 1
    terms = list(stage.losses(0, CONTEXT.chained_from, generator()))
    assert [list(term.figures) for term in terms] == [["loss"], ["loss_of_window_2"], ["loss_of_window_3"]]
    assert all(torch.isfinite(term.value) for term in terms)


def test_a_window_of_a_chain_continues_what_the_network_made_without_gradient(
    stage: LatentDiffusionStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, reconstruct = [], stage._reconstruction

    def kept(*arguments: object) -> torch.Tensor:
        made.append(reconstruct(*arguments))
        return made[-1]

    monkeypatch.setattr(stage, "_reconstruction", kept)
    monkeypatch.setattr(stage, "config", replace(stage.config, context=replace(CONTEXT, embedded_noise=0.0)))
    seen = Seen(stage, monkeypatch)
    list(stage.losses(0, 1.0, generator()))
    trained = [conditioning.context for _, conditioning, gradient in seen.calls if gradient]
    assert (len(trained), len(made)) == (3, 2)
    assert not any(frames.requires_grad for frames in made)
    for context, frames in zip(trained[1:], made, strict=True):
        assert context.mask.sum(1).tolist() == [CONTEXT.overlap] * 2
        assert torch.equal(context.latents[:, : CONTEXT.overlap], frames[:, -CONTEXT.overlap :])


def test_a_self_made_context_leaves_the_target_true(
    stage: LatentDiffusionStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = replace(CONTEXT, self_made=1.0, embedded_noise=0.0)
    monkeypatch.setattr(stage, "config", replace(stage.config, context=context))
    index = stage.train[0].starts[:2, None] + torch.arange(8)
    true, conditioning = stage._clips(index, stage.config.regimes[0])
    clean, conditioning = stage._with_context(true, conditioning, None, generator())
    mask = conditioning.context.mask
    assert torch.equal(clean[~mask], true[~mask])
    assert mask.any()
    assert not torch.isclose(clean[mask], true[mask]).all(1).all(1).all(1).any()
    assert torch.equal(conditioning.context.latents[mask], clean[mask])


def test_held_out_figures_do_not_depend_on_how_the_stage_is_trained(
    stage: LatentDiffusionStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = stage.held_out()
    times = replace(stage.config.times, uniform_share=0.0)
    context = replace(CONTEXT, self_made=1.0, embedded_noise=0.3, max_steps=2)
    monkeypatch.setattr(stage, "config", replace(stage.config, times=times, context=context))
    assert stage.held_out() == expected


def test_footage_without_room_for_two_windows_is_not_chained(logs: Path, checkpoints: Path) -> None:
    short = prepare(StageRequest("prediction", tiny(), logs, checkpoints, batch_size=2), lambda *_: None)
    assert len(list(short.losses(0, 1.0, generator()))) == 1
