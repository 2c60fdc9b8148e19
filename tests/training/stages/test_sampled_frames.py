"""Sampled frames follow from seed and step alone, are few and slowly renewed, and pass by as scenery does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from drivesim.models.presets import tiny
from drivesim.models.unet import UNet
from drivesim.regular_files import sha256_of
from drivesim.training.loop import metrics
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.session import train_stage
from drivesim.training.losses.crops import CropConfig
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.sampled_frames import (
    ImageSampler,
    PoolConfig,
    SampledFrame,
    SampledPool,
    passing_crops,
)
from drivesim.training.stages.stage import TrainingStage
from drivesim.training.stages.upsampler import UpsamplerStage

LOW = (tiny().video.low_height, tiny().video.low_width)
FACTOR = tiny().upsampler.factor


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _prepared(role: str, logs: Path, checkpoints: Path) -> UpsamplerStage:
    stage = prepare(StageRequest(role, tiny(), logs, checkpoints, batch_size=4), lambda *_: None)
    assert isinstance(stage, UpsamplerStage)
    stage.loss.config = replace(stage.loss.config, adversarial_start=0)
    return stage


@pytest.fixture(scope="module")
def stage(logs: Path, tiny_checkpoints: Path) -> UpsamplerStage:
    return _prepared("upsampler_image", logs, tiny_checkpoints)


@pytest.fixture(scope="module")
def sampler(stage: UpsamplerStage) -> ImageSampler:
    """The image model as a student, whose frames cost little."""
    assert stage.pool is not None
    return replace(stage.pool.sampler, num_steps=2)


def _pool(stage: UpsamplerStage, sampler: ImageSampler, seed: int = 0) -> SampledPool:
    config = PoolConfig(size=3, steps_per_call=1)
    return SampledPool(sampler, stage.autoencoder, stage.footage, config, seed)


def _drawn(pool: SampledPool, stage: UpsamplerStage, step: int, count: int = 8) -> list[SampledFrame]:
    return pool.draw(step, count, LOW, stage.train[0], _generator(step))


def test_a_new_pool_draws_what_an_old_one_does(stage: UpsamplerStage, sampler: ImageSampler) -> None:
    old = _pool(stage, sampler)
    for step in range(7):
        drawn = _drawn(old, stage, step)
    for first, second in zip(drawn, _drawn(_pool(stage, sampler), stage, 6), strict=True):
        assert torch.equal(first.pixels, second.pixels)
        assert torch.equal(first.boxes, second.boxes)
    other = _drawn(_pool(stage, sampler, seed=1), stage, 6)
    assert not any(torch.equal(frame.pixels, drawn[0].pixels) for frame in other)


def test_each_frame_is_sampled_once_and_few_are_kept(
    stage: UpsamplerStage, sampler: ImageSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def sampled(self: ImageSampler, conditioning: object, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        made.append(torch.rand(shape, generator=generator))
        return made[-1]

    monkeypatch.setattr(ImageSampler, "sampled", sampled)
    pool, steps = _pool(stage, sampler), 12
    for step in range(steps):
        frames = _drawn(pool, stage, step, 40)
        assert len({id(frame) for frame in frames}) == 3, "all frames of the pool are drawn, and no others"
    renewed = (steps - 1) // sampler.calls_per_frame
    assert len(made) == 3 + renewed
    assert len({float(latents.sum()) for latents in made}) == len(made)


def test_frames_are_decoded_latents_with_the_boxes_of_a_recorded_frame(
    stage: UpsamplerStage, sampler: ImageSampler
) -> None:
    recorded = list(stage.footage.boxes)
    for frame in _drawn(_pool(stage, sampler), stage, 0):
        assert frame.pixels.shape == (3, *LOW)
        assert frame.pixels.abs().max() <= 1
        assert frame.pixels.std() > 0
        assert frame.known.any()
        assert any(torch.equal(frame.boxes, boxes) for boxes in recorded)


@pytest.mark.parametrize("num_steps", [None, 3])
def test_a_frame_costs_as_many_calls_as_the_pool_counts_on(
    stage: UpsamplerStage, sampler: ImageSampler, num_steps: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, forward = [], UNet.forward

    def counted(network: UNet, x: Tensor, *others: object) -> Tensor:
        calls.append(x)
        return forward(network, x, *others)

    monkeypatch.setattr(UNet, "forward", counted)
    sampler = replace(sampler, num_steps=num_steps)
    _drawn(_pool(stage, sampler), stage, 0, 1)
    assert len(calls) == sampler.calls_per_frame


def _places(height: int, width: int) -> SampledFrame:
    """A still whose first two channels say where a pixel is."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([rows, columns, torch.zeros_like(rows)]).float()
    box = torch.tensor([[0.4, 0.4, 0.6, 0.6]])
    return SampledFrame(pixels, box, torch.tensor([True]))


@pytest.mark.parametrize("size", [(32, 64), (12, 64), (8, 8)])
def test_crops_move_over_the_still_by_whole_pixels_at_a_constant_speed(size: tuple[int, int]) -> None:
    config = CropConfig(side=8 * FACTOR, vehicle_share=0.5)
    clips = passing_crops([_places(*size)] * 64, FACTOR, 4, config, _generator())
    assert clips.shape == (64, 4, 3, 8, 8)
    for axis in (0, 1):
        along = clips[:, :, axis].movedim(2 + axis, -1)  # b t other along
        assert (along.diff(dim=-1) == 1).all(), "pixels that are neighbours in the still stay neighbours"
        assert along.min() >= 0
        assert along.max() < size[axis]
        speed = along[..., 0, 0].diff(dim=1)
        assert torch.equal(speed, speed[:, :1].expand_as(speed))
        fastest = min(2, (size[axis] - 8) // 3)
        assert set(speed.unique().tolist()) == set(range(-fastest, fastest + 1))


def test_single_crops_lie_on_vehicles_as_often_as_those_of_recorded_frames() -> None:
    config = CropConfig(side=8 * FACTOR, vehicle_share=1.0)
    corners = passing_crops([_places(32, 64)] * 64, FACTOR, 1, config, _generator())[:, 0, :2, 0, 0]
    middle = torch.tensor([16, 32])
    assert ((corners <= middle) & (middle < corners + 8)).all()
    anywhere = passing_crops([_places(32, 64)] * 64, FACTOR, 1, replace(config, vehicle_share=0.0), _generator())
    assert anywhere[:, 0, 1, 0, 0].std() > 2 * corners[:, 1].std()


@pytest.mark.parametrize("role", ["upsampler_image", "upsampler"])
def test_part_of_a_batch_is_made_of_sampled_frames_once_it_is_judged(
    role: str, logs: Path, tiny_checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _prepared(role, logs, tiny_checkpoints)
    assert stage.pool is not None
    stage.config = replace(stage.config, sampled_share=0.5)
    seen = []

    def terms(real: Tensor, made: Tensor, *others: object, unpaired: Tensor | None) -> list[object]:
        seen.append((real.shape, made.shape, None if unpaired is None else unpaired.shape))
        return []

    monkeypatch.setattr(stage.loss, "terms", terms)
    stage.pool.sampler = replace(stage.pool.sampler, num_steps=1)
    list(stage.losses(0, 0.0, _generator()))
    patches = (2, stage.config.num_frames, 3, 128, 128)
    assert seen == [(patches, patches, patches)]
    stage.loss.config = replace(stage.loss.config, adversarial_start=1)
    list(stage.losses(0, 0.0, _generator()))
    whole = (4, *patches[1:])
    assert seen[1:] == [(whole, whole, None)]


def test_the_expected_share_holds_for_small_batches_too_and_one_sample_has_a_truth(stage: UpsamplerStage) -> None:
    generator = _generator()

    def counts(batch_size: int, share: float) -> list[int]:
        stage.config = replace(stage.config, batch_size=batch_size, sampled_share=share)
        return [stage._num_sampled(0, generator) for _ in range(400)]

    few = counts(2, 0.2)
    assert set(few) == {0, 1}
    assert 0.3 < sum(few) / len(few) < 0.5
    assert set(counts(16, 0.2)) == {3, 4}
    assert set(counts(3, 1.0)) == {2}
    assert set(counts(1, 0.9)) == {0}
    assert set(counts(16, 0.0)) == {0}


def test_an_interrupted_training_ends_as_an_unbroken_one(
    logs: Path, tiny_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_tensorboard", lambda *_: None)
    monkeypatch.setattr(UpsamplerStage, "held_out", lambda stage: {"held_out_samples": 1})

    def train(out: Path, reports: int | None) -> int:
        request = StageRequest("upsampler_image", tiny(), logs, out, batch_size=2)

        def quick() -> TrainingStage:
            torch.seed()  # processes start with other randomness; networks must not depend on it
            stage = _prepared("upsampler_image", logs, out)
            stage.config = replace(stage.config, batch_size=2, sampled_share=0.5)
            assert stage.pool is not None
            stage.pool.sampler = replace(stage.pool.sampler, num_steps=1)
            stage.pool.config = PoolConfig(size=2, steps_per_call=1)
            return stage

        return len(list(islice(train_stage(request, quick, TrainingBudget(steps=3), evaluate_every_s=0.0), reports)))

    for name in ("whole", "broken"):
        shutil.copytree(tiny_checkpoints, tmp_path / name)
    assert train(tmp_path / "whole", None) == 3
    assert train(tmp_path / "broken", 2) == 2
    assert train(tmp_path / "broken", None) == 1
    digests = {sha256_of(tmp_path / name / "upsampler_image.safetensors") for name in ("whole", "broken")}
    assert len(digests) == 1
