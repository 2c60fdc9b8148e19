"""What the autoencoder's stage asks of its network."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from drivesim.models.presets import tiny
from drivesim.training.loop.randomness import step_generator
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.autoencoder import AutoencoderStage


@pytest.fixture
def stage(logs: Path, tmp_path: Path) -> AutoencoderStage:
    return prepare(StageRequest("autoencoder", tiny(), logs, tmp_path, batch_size=6), lambda *_: None)


def test_latents_that_shrink_with_their_picture_cost_nothing(stage: AutoencoderStage, monkeypatch) -> None:
    frames, latents = torch.rand(6, 1, 3, 32, 32), torch.rand(6, 8, 4, 4)
    asked = []

    def perfect(shrunken: torch.Tensor) -> torch.Tensor:
        asked.append(shrunken)
        return F.avg_pool2d(frames[: len(shrunken), 0], 2)[:, None]

    monkeypatch.setattr(stage, "_decoded", perfect)
    assert stage._scale_error(frames, latents) == 0
    assert torch.equal(asked[0], F.avg_pool2d(latents[: len(asked[0])], 2))
    monkeypatch.setattr(stage, "_decoded", lambda shrunken: perfect(shrunken) + 0.1)
    assert stage._scale_error(frames, latents) == pytest.approx(0.1 + 2 * 0.01)


def test_scale_equivariance_is_left_out_where_the_encoder_is_kept(stage: AutoencoderStage, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(stage, "_scale_error", lambda frames, latents: calls.append(1) or frames.new_zeros(()))
    next(stage.losses(0, 0.0, step_generator(0, 0, 0)))
    stage.config = replace(stage.config, keep_encoder=True)
    next(stage.losses(0, 0.0, step_generator(0, 0, 0)))
    assert len(calls) == 1


def test_held_out_figures_are_those_of_the_pictures_and_their_vehicles(stage: AutoencoderStage, monkeypatch) -> None:
    monkeypatch.setattr(stage, "_reconstructed", lambda pictures: pictures)
    perfect = stage.held_out()
    assert perfect["held_out_perceptual"] == pytest.approx(0, abs=1e-6)
    assert perfect["held_out_psnr_db"] == perfect["held_out_vehicle_psnr_db"] == pytest.approx(100)
    monkeypatch.setattr(stage, "_reconstructed", lambda pictures: (0.9 * pictures).clamp(-1, 1))
    worse = stage.held_out()
    assert worse["held_out_perceptual"] > 1e-4
    assert worse["held_out_psnr_db"] < 60
    assert math.isfinite(worse["held_out_vehicle_psnr_db"])


def test_hidden_channels_are_always_the_last_ones(stage: AutoencoderStage) -> None:
    stage.config = replace(stage.config, hidden_share=0.5, least_channels=0.25)
    visible = stage._visible(torch.zeros(400, 8, 4, 4), step_generator(0, 0, 0))[..., 0, 0]
    assert torch.equal(visible, visible.sort(1, descending=True).values)
    kept = visible.sum(1)
    assert set(kept.tolist()) == set(range(2, 9))
    assert 0.4 < (kept == 8).float().mean() < 0.75
    stage.config = replace(stage.config, hidden_share=0.0)
    assert (stage._visible(torch.zeros(400, 8, 4, 4), step_generator(0, 0, 0)) == 1).all()


def test_the_decoder_sees_noisy_latents_at_the_end_of_the_training_alone(stage: AutoencoderStage, monkeypatch) -> None:
    decoded, decode = [], stage._decoded

    def seen(latents: torch.Tensor) -> torch.Tensor:
        decoded.append(latents)
        return decode(latents)

    monkeypatch.setattr(stage, "_decoded", seen)

    def latents(used: float, **changes: float) -> torch.Tensor:
        stage.config = replace(stage.config, hidden_share=0.0, scale_weight=0.0, **changes)
        next(stage.losses(0, used, step_generator(0, 0, 0)))
        return decoded[-1]

    clean = latents(0.0, latent_noise=0.0)
    assert torch.equal(latents(0.69, latent_noise=0.3, latent_noise_from=0.7), clean)
    noisy = latents(0.7, latent_noise=0.3, latent_noise_from=0.7)
    error = (noisy - clean).std((0, 2, 3)) / clean.std((0, 2, 3))
    assert ((error > 0.02) & (error < 0.3)).all()
