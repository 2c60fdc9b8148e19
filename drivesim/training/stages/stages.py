"""From the name of a stage to everything it trains with: footage, base checkpoints, network and settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from drivesim.data.drive_log import DriveLog, list_drive_logs
from drivesim.data.frame_array import FrameArray
from drivesim.data.latent_cache import latent_cache
from drivesim.data.packed import PackedFootage, pack, packed_folder
from drivesim.data.shard import shard_names
from drivesim.errors import CheckpointError, FootageError
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints import (
    BASE_OF,
    LAYOUTS,
    READER,
    build,
    config_of,
    latent_channels_of,
    load_checkpoint,
    sha256_of,
    stage_tensors,
    verify_published,
)
from drivesim.models.growth import with_latent_channels
from drivesim.models.presets import Preset
from drivesim.models.unet import is_temporal
from drivesim.training.loop.distributed import barrier, rank
from drivesim.training.losses.crops import CropConfig
from drivesim.training.stages.autoencoder import AutoencoderStage, AutoencoderTraining
from drivesim.training.stages.decoder import DecoderStage, DecoderTraining
from drivesim.training.stages.diffusion import DiffusionTraining, LatentDiffusionStage, Regime
from drivesim.training.stages.stage import TrainingStage
from drivesim.training.stages.upsampler import UpsamplerStage, UpsamplerTraining
from drivesim.training.stages.vehicle_detector import ReaderStage, ReaderTraining

LATENT_STAGES = ("image", "prediction", "interpolation")
STANDS_ON = {
    "image": ("autoencoder",),
    "prediction": ("autoencoder", "image"),
    "interpolation": ("autoencoder", "image"),
    "decoder": ("autoencoder",),
    "upsampler_image": ("autoencoder",),
    "upsampler": ("autoencoder", "upsampler_image"),
}
"""Stages whose checkpoints a stage is trained with; those that are missing are trained on footage alone."""
FOOTAGE, INITIAL = "footage", "initial"


@dataclass(frozen=True)
class StageRequest:
    """What the user asks for: the stage, where its footage and the checkpoints lie, overrides of its settings.

    `initial`: folder of checkpoints whose weights of this stage training starts from, None to start anew.
    `keep_encoder`: trains only the decoder of stage `autoencoder`. `batch_scale`: multiplies the batch size that the
    stage has where none is given. `footage`: identity of the footage, whose change makes the stage train on; None
    ignores such changes.
    """

    role: str
    preset: Preset
    data: Path
    checkpoints: Path
    device: str = "cpu"
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    initial: Path | None = None
    keep_encoder: bool = False
    batch_scale: int = 1
    footage: str | None = None

    def checkpoint(self, role: str) -> Path:
        """Where a stage's checkpoint lies or will lie."""
        return self.checkpoints / f"{role}.safetensors"

    @property
    def training_folder(self) -> Path:
        """Where the states, metrics and pictures of the stage lie."""
        return self.checkpoints / "training" / self.role

    def foundations(self) -> dict[str, str]:
        """The sha256 of the checkpoints that the stage stands on, where they are there, and the footage's identity.

        Of the autoencoder, stages that see latents alone stand on the encoder: its decoder may change. Also says that a
        stage did not start from nothing.
        """
        paths = {role: self.checkpoint(role) for role in STANDS_ON.get(self.role, ())}
        found = {role: self._foundation(role, path) for role, path in paths.items() if path.is_file()}
        if self.footage is not None:
            found[FOOTAGE] = self.footage
        if self.initial is not None:
            found[INITIAL] = "given"
        return found

    def _foundation(self, role: str, path: Path) -> str:
        return _encoder_sha256(path) if role == "autoencoder" and self.role in LATENT_STAGES else sha256_of(path)


def _encoder_sha256(path: Path) -> str:
    """The sha256 of everything that latents depend on. Raises CheckpointError where the file is no autoencoder."""
    digest = hashlib.sha256()
    for name, tensor in sorted(stage_tensors(path, "autoencoder").items()):
        if not name.startswith("decoder."):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def prepare(request: StageRequest, on_progress: Callable[[str, int, int], None]) -> TrainingStage:
    """Packs the footage, encodes latents where needed, builds the network on its base, joins them to a stage.

    Raises FootageError and CheckpointError where footage or base checkpoints are missing or do not fit.
    """
    role, preset, device = request.role, request.preset, request.device
    check_start(request)
    verify_published(request.checkpoints, STANDS_ON.get(role, ()))
    footage = packed_footage(request, on_progress)
    with torch.random.fork_rng():
        torch.manual_seed(request.seed)  # the same start in every process
        network = build(role, preset)
    if role in BASE_OF:
        base = load_checkpoint(request.checkpoint(BASE_OF[role]), BASE_OF[role])
        network.load_state_dict({**network.state_dict(), **base.state_dict()})
    known_channels = None
    if request.initial is not None:
        known_channels = _start_from(request, network)
    if role == "autoencoder":
        settings = replace(_autoencoder_training(preset), keep_encoder=request.keep_encoder)
        if request.initial is not None:  # nothing to wait for: all losses from the start
            losses = replace(settings.reconstruction, perceptual_start=0, adversarial_start=0)
            settings = replace(settings, reconstruction=losses)
        stage = AutoencoderStage(network, footage, _settings(request, settings), device)
        if request.initial is None:
            stage.start_from_components()
        elif known_channels is not None:
            stage.add_channels(known_channels)
        return stage
    if role == "decoder":
        return DecoderStage(network, footage, _settings(request, _decoder_training(preset)), device)
    if role == READER:
        return ReaderStage(network, footage, _settings(request, ReaderTraining()), device)
    autoencoder_path = request.checkpoint("autoencoder")
    autoencoder = load_checkpoint(autoencoder_path, "autoencoder")
    denoiser = preset.denoiser(role)
    if role in LATENT_STAGES:
        settings = _settings(request, _diffusion_training(role, preset))
        encode = partial(_latents, autoencoder.to(device), autoencoder_path, device, on_progress)
        return LatentDiffusionStage(role, network, denoiser, footage, encode, autoencoder, settings, device)
    settings = _settings(request, _upsampler_training(role, preset))
    return UpsamplerStage(role, network, denoiser, footage, autoencoder, settings, device)


class MisfitError(CheckpointError):
    """The weights that a stage is to start from are whole, but of other sizes than its network."""


def check_start(request: StageRequest) -> None:
    """Checks the weights that a stage is to start from.

    Raises MisfitError where they are of other sizes, and another CheckpointError where they are missing or damaged.
    """
    if request.initial is None or request.role == LAYOUTS:
        return
    verify_published(request.initial, [request.role])
    with torch.device("meta"):
        network = build(request.role, request.preset)
    _initial_tensors(request, network)


def _start_from(request: StageRequest, network: nn.Module) -> int | None:
    """Loads the weights to start from; returns their number of latent channels where the network has more."""
    tensors, known = _initial_tensors(request, network)
    network.load_state_dict({**network.state_dict(), **tensors})
    return known


def _initial_tensors(request: StageRequest, network: nn.Module) -> tuple[dict[str, Tensor], int | None]:
    role, preset = request.role, request.preset
    path = request.initial / f"{role}.safetensors"
    known, wanted = latent_channels_of(path), preset.autoencoder.latent_channels
    tensors, own = stage_tensors(path, role), network.state_dict()
    grows = known is not None and known < wanted
    if grows:
        tensors = with_latent_channels(tensors, own, known, wanted)
    needed = {name for name in own if role not in BASE_OF or is_temporal(name)}
    other = needed ^ tensors.keys() or {name for name in needed if tensors[name].shape != own[name].shape}
    if other:
        raise MisfitError(
            f"{path}: does not fit preset {preset.name}: {_difference(path, preset.config_of(role), grows)}; use "
            "a set of the same sizes, or one without this file: the stage then starts from nothing"
        )
    return tensors, known if grows else None


def _difference(path: Path, config: object, grows: bool) -> str:
    """In words, where the sizes of a checkpoint differ from those of a stage, latent channels aside if they may."""
    there, wanted = config_of(path), json.loads(json.dumps(asdict(config)))
    names = [name for name in wanted if there.get(name) != wanted[name]]
    if grows:
        names = [name for name in names if name not in ("latent_channels", "in_channels")]
    listed = ", ".join(f"its {name} is {there.get(name)}, expected {wanted[name]}" for name in names[:3])
    return listed or "its tensors have other names or shapes"


def packed_footage(request: StageRequest, on_progress: Callable[[str, int, int], None]) -> PackedFootage:
    """The footage at the size of the stage: packed and checked by process 0, opened by all.

    Raises FootageError as `pack` does.
    """
    height, width = frame_size(request)
    if rank() == 0:
        logs = packable_logs(request)
        footage = pack(logs, packed_folder(request.data, height, width), height, width, on_progress)
    barrier()
    return footage if rank() == 0 else PackedFootage.open(packed_folder(request.data, height, width), verify=False)


def packable_logs(request: StageRequest) -> list[Path]:
    """The drive logs that a stage is trained on: all of them; of one that wants larger frames than most, those that
    have such frames, where there are any. What was enlarged has nothing to teach an upsampler.
    """
    logs, (height, _) = list_drive_logs(request.data), frame_size(request)
    if height <= request.preset.video.low_height:
        return logs
    tall = []
    for path in logs:
        with suppress(FootageError):
            if DriveLog.open(path).labels.height < height:
                continue
        tall.append(path)
    return tall or logs


def wanted_clips(role: str, preset: Preset) -> tuple[tuple[float | None, int], ...]:
    """The clips that a stage trains on: frames per second, None for frames of any log, and the number of frames."""
    if role in ("prediction", "interpolation"):
        return tuple((regime.fps, regime.num_frames) for regime in _diffusion_training(role, preset).regimes)
    if role == "decoder":
        settings = _decoder_training(preset)
        return ((settings.fps, settings.num_frames),)
    if role == "upsampler":
        settings = _upsampler_training(role, preset)
        return ((settings.fps, settings.num_frames),)
    return ((None, 1),)


def frame_size(request: StageRequest) -> tuple[int, int]:
    """Height and width of the frames of a stage.

    The vehicle detector enlarges low-resolution footage itself, so that other stages can share it.
    """
    video, factor, reader = request.preset.video, request.preset.upsampler.factor, request.preset.reader
    low, large = (video.low_height, video.low_width), (reader.height, reader.width)
    if request.role == READER:
        return large if _is_larger_than(request.data, low, large) else low
    scale = factor if request.role.startswith("upsampler") else 1
    return video.low_height * scale, video.low_width * scale


def _is_larger_than(data: Path, low: tuple[int, int], large: tuple[int, int]) -> bool:
    """Whether footage was packed at size `large`, or the first drive log that can be read is larger than `low`."""
    if shard_names(packed_folder(data, *large)):
        return True
    for path in list_drive_logs(data):
        with suppress(FootageError):
            return DriveLog.open(path).labels.height > low[0]
    return False


def _latents(
    autoencoder: Autoencoder,
    path: Path,
    device: str,
    on_progress: Callable[[str, int, int], None],
    footage: PackedFootage,
) -> FrameArray:
    try:
        return latent_cache(footage, autoencoder, sha256_of(path), device, on_progress)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _settings(request: StageRequest, defaults: object) -> object:
    batch_size = request.batch_size or defaults.batch_size * request.batch_scale
    given = {"batch_size": batch_size, "learning_rate": request.learning_rate, "seed": request.seed}
    return replace(defaults, **{name: value for name, value in given.items() if value is not None})


def _diffusion_training(role: str, preset: Preset) -> DiffusionTraining:
    return replace(_clips_and_drops(role, preset), noise_correlation=preset.noise_correlation)


def _clips_and_drops(role: str, preset: Preset) -> DiffusionTraining:
    if role == "image":
        return DiffusionTraining()
    video = preset.video
    fine_fps = _fine_fps(preset)
    if role == "prediction":
        drop = {**DiffusionTraining().drop, "boxes": 0.5}
        return DiffusionTraining(
            batch_size=4, drop=drop, regimes=(Regime(video.keyframe_fps, video.keyframes_per_window),), samples=3
        )
    ends = video.interpolation_factor + 1
    regimes = (Regime(fine_fps, ends, 0), Regime(fine_fps * video.interpolation_factor, ends, 1))
    drop = {"boxes": 0.7, "time_of_day": 0.5, "crowdedness": 0.5}
    return DiffusionTraining(batch_size=6, drop=drop, regimes=regimes, context_noise=0.05, samples=4)


def _autoencoder_training(preset: Preset) -> AutoencoderTraining:
    return AutoencoderTraining(crops=_crops(preset))


def _crops(preset: Preset) -> CropConfig:
    return CropConfig(side=min(64, preset.video.low_height))


def _decoder_training(preset: Preset) -> DecoderTraining:
    return DecoderTraining(fps=_fine_fps(preset), crops=_crops(preset))


def _upsampler_training(role: str, preset: Preset) -> UpsamplerTraining:
    if role == "upsampler_image":
        return UpsamplerTraining()
    return UpsamplerTraining(batch_size=2, num_frames=4, fps=_fine_fps(preset))


def _fine_fps(preset: Preset) -> float:
    """Frames per second after the first pass of interpolation, T→4T."""
    return preset.video.keyframe_fps * preset.video.interpolation_factor
