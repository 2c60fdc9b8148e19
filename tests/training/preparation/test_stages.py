"""Every stage trains on toy logs, exports a checkpoint that loads, and changes only what it should."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import BASE_OF, ROLES, CheckpointSet, load_checkpoint
from drivesim.models.checkpoints.files import stage_tensors
from drivesim.models.conditioning import Conditioning
from drivesim.models.presets import tiny
from drivesim.models.stages import TEACHER_OF
from drivesim.models.temporal import temporal_names
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.session import train_stage
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare


def _train(role: str, logs: Path, out: Path, steps: int = 2) -> list[float]:
    request = StageRequest(role, tiny(), logs, out, batch_size=2)
    reports = train_stage(request, lambda: prepare(request, lambda *_: None), TrainingBudget(steps=steps))
    return [next(iter(report.figures.values())) for report in reports]


@pytest.fixture(scope="module")
def trained(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("checkpoints")
    for role in ROLES:
        _train(role, logs, out)
    return out


def test_every_stage_leaves_a_checkpoint_that_loads(trained: Path) -> None:
    checkpoints = CheckpointSet.open(trained)
    for role in ROLES:
        assert all(torch.isfinite(p).all() for p in checkpoints.load(role).parameters())
    assert set(checkpoints.sha256) == set(ROLES)
    assert all((trained / "training" / role / "metrics.csv").is_file() for role in ROLES)
    assert all(list((trained / "training" / role).glob("*.png")) for role in ROLES)


@pytest.mark.parametrize("role", sorted(set(BASE_OF) - set(TEACHER_OF)))
def test_video_fine_tuning_trains_temporal_parameters_alone(trained: Path, role: str) -> None:
    base = load_checkpoint(trained / f"{BASE_OF[role]}.safetensors", BASE_OF[role]).state_dict()
    network = CheckpointSet.open(trained).load(role)
    video = network.state_dict()
    assert all(torch.equal(video[name], tensor) for name, tensor in base.items())
    zero_at_start = [name for name in temporal_names(network) if name.endswith("conv_out.weight")]
    assert any(video[name].abs().max() > 0 for name in zero_at_start)


def test_the_latents_are_normalised(trained: Path, logs: Path) -> None:
    checkpoints = CheckpointSet.open(trained)
    request = StageRequest("image", tiny(), logs, trained)
    stage = prepare(request, lambda *_: None)
    latents = stage.latents[torch.arange(64)].float()
    assert latents.mean().abs() < 0.5
    assert 0.5 < latents.std() < 2
    assert checkpoints.load("autoencoder").latent_std.min() > 0


def test_another_base_is_refused(trained: Path, logs: Path, tmp_path: Path) -> None:
    for name in ("autoencoder", "prediction"):
        (tmp_path / f"{name}.safetensors").write_bytes((trained / f"{name}.safetensors").read_bytes())
    _train("image", logs, tmp_path, 1)
    with pytest.raises(CheckpointError, match="train stage prediction again"):
        load_checkpoint(tmp_path / "prediction.safetensors", "prediction", tmp_path / "image.safetensors")


@pytest.mark.parametrize("role", ["autoencoder", "image", "prediction"])
def test_training_can_start_from_other_checkpoints(trained: Path, logs: Path, tmp_path: Path, role: str) -> None:
    for name in ("autoencoder", "image"):
        (tmp_path / f"{name}.safetensors").write_bytes((trained / f"{name}.safetensors").read_bytes())
    request = StageRequest(role, tiny(), logs, tmp_path, initial=trained)
    network = prepare(request, lambda *_: None).network
    for name, tensor in stage_tensors(trained / f"{role}.safetensors", role).items():
        assert torch.equal(network.state_dict()[name], tensor), name


def test_vehicles_that_are_told_add_to_the_loss(trained: Path, logs: Path) -> None:
    stage = prepare(StageRequest("image", tiny(), logs, trained, batch_size=4), lambda *_: None)

    def loss(**changes: object) -> float:
        stage.config = replace(stage.config, **changes)
        (term,) = stage.losses(0, 0.0, torch.Generator().manual_seed(0))
        return float(term.value.detach())

    told = {"boxes": 0.0, "time_of_day": 0.0, "crowdedness": 0.0}
    assert loss(drop=told, drop_together=0.0, vehicle_weight=4.0) > loss(vehicle_weight=1.0)
    assert loss(drop_together=1.0, vehicle_weight=4.0) == loss(vehicle_weight=1.0)


@pytest.mark.parametrize("role", ["prediction", "interpolation"])
def test_known_frames_do_not_count_on_held_out_clips(
    trained: Path, logs: Path, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = prepare(StageRequest(role, tiny(), logs, trained, batch_size=2), lambda *_: None)
    before, error_of = stage.held_out(), stage._error

    def spoiled(clean: Tensor, conditioning: Conditioning, *others: object) -> tuple[Tensor, Tensor]:
        error, tau = error_of(clean, conditioning, *others)
        return error + 1e6 * conditioning.context.mask[..., None, None], tau

    monkeypatch.setattr(stage, "_error", spoiled)
    assert stage.held_out() == pytest.approx(before)


def test_training_can_start_from_checkpoints_with_fewer_latent_channels(
    trained: Path, logs: Path, tmp_path: Path
) -> None:
    fewer = {name: load_checkpoint(trained / f"{name}.safetensors", name) for name in ("autoencoder", "image")}
    size = tiny()
    size = replace(
        size, autoencoder=replace(size.autoencoder, latent_channels=12), image=replace(size.image, in_channels=12)
    )
    for role in ("autoencoder", "image"):
        request = StageRequest(role, size, logs, tmp_path, batch_size=2, initial=trained)
        list(train_stage(request, partial(prepare, request, lambda *_: None), TrainingBudget(steps=0)))
    frames = torch.rand(1, 2, 3, 32, 64) * 2 - 1
    more = CheckpointSet.open(tmp_path).load("autoencoder")
    assert more.encode(frames).shape[2] == 12
    assert fewer["autoencoder"].encode(frames).shape[2] == 8
    stem = CheckpointSet.open(tmp_path).load("image").stem.weight
    assert torch.equal(stem[:, :8], fewer["image"].stem.weight[:, :8])
    assert not stem[:, 8:12].any()


def test_training_can_start_from_checkpoints_without_road_and_attributes_of_boxes(
    trained: Path, logs: Path, tmp_path: Path
) -> None:
    for name in ("autoencoder", "image"):
        (tmp_path / f"{name}.safetensors").write_bytes((trained / f"{name}.safetensors").read_bytes())
    size = tiny()
    size = replace(size, image=replace(size.image, box_attributes=True, road_raster=True))
    video = prepare(StageRequest("prediction", size, logs, tmp_path, batch_size=2, initial=trained), lambda *_: None)
    assert not video.network.config.road_raster, "a video stage has the conditions of the image network under it"
    request = StageRequest("image", size, logs, tmp_path, batch_size=2, initial=trained)
    stage = prepare(request, lambda *_: None)
    before = stage_tensors(trained / "image.safetensors", "image")["stem.weight"]
    weights = stage.network.stem.weight
    assert torch.equal(weights[:, : before.shape[1]], before)
    assert not weights[:, before.shape[1] :].any()
    (term,) = stage.losses(0, 0.0, torch.Generator().manual_seed(0))
    term.value.backward()
    assert weights.shape[1] > before.shape[1]


def test_a_kept_encoder_gives_the_same_latents(trained: Path, logs: Path, tmp_path: Path) -> None:
    request = StageRequest("autoencoder", tiny(), logs, tmp_path, batch_size=2, initial=trained, keep_encoder=True)
    list(train_stage(request, lambda: prepare(request, lambda *_: None), TrainingBudget(steps=2)))
    before = load_checkpoint(trained / "autoencoder.safetensors", "autoencoder")
    after = load_checkpoint(tmp_path / "autoencoder.safetensors", "autoencoder")
    frames = torch.rand(1, 2, 3, 32, 64) * 2 - 1
    assert torch.equal(before.encode(frames), after.encode(frames))
    assert not torch.equal(before.decode(before.encode(frames)), after.decode(after.encode(frames)))
    for role, same in (("image", True), ("decoder", False)):
        stands_on = [StageRequest(role, tiny(), logs, out).foundations()["autoencoder"] for out in (trained, tmp_path)]
        assert (stands_on[0] == stands_on[1]) == same


def test_checkpoints_of_another_size_cannot_be_started_from(trained: Path, logs: Path, tmp_path: Path) -> None:
    wider = replace(tiny(), autoencoder=replace(tiny().autoencoder, base_channels=32))
    more = replace(wider, autoencoder=replace(wider.autoencoder, latent_channels=12))  # latents alone could grow
    deeper = replace(tiny(), autoencoder=replace(tiny().autoencoder, decoder_blocks=2))
    for preset, difference in (
        (wider, "base_channels is 16, expected 32"),
        (more, "base_channels"),
        (deeper, "blocks"),
    ):
        request = StageRequest("autoencoder", preset, logs, tmp_path, initial=trained)
        with pytest.raises(CheckpointError, match=f"does not fit preset tiny: its .*{difference}"):
            prepare(request, lambda *_: None)


def test_a_base_that_is_damaged_is_refused(trained: Path, logs: Path, tmp_path: Path) -> None:
    for name in ("autoencoder.safetensors", "image.safetensors", "manifest.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    content = bytearray((tmp_path / "autoencoder.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "autoencoder.safetensors").write_bytes(content)
    for request in (
        StageRequest("image", tiny(), logs, tmp_path),
        StageRequest("autoencoder", tiny(), logs, tmp_path / "out", initial=tmp_path),
    ):
        with pytest.raises(CheckpointError, match="its sha256 differs from the manifest"):
            prepare(request, lambda *_: None)


def test_a_stage_without_its_base_says_what_is_missing(logs: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        _train("image", logs, tmp_path)
