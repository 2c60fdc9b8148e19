"""Prepares a stage for training: footage, network and settings are joined."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

from drivesim.data.frame_array import FrameArray
from drivesim.data.latent_cache import latent_cache
from drivesim.data.packed import PackedFootage
from drivesim.errors import CheckpointError
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints.files import load_checkpoint
from drivesim.models.checkpoints.publishing import verify_published
from drivesim.models.stages import STAGES, TEACHER_OF, Family
from drivesim.models.unet import UNet
from drivesim.models.upsampler import Upsampler
from drivesim.models.vehicle_detector import VehicleDetector
from drivesim.regular_files import sha256_of
from drivesim.training.preparation.footage import packed_footage
from drivesim.training.preparation.image_model import image_sampler
from drivesim.training.preparation.request import OnProgress, StageRequest
from drivesim.training.preparation.settings import (
    as_requested,
    autoencoder_settings,
    decoder_settings,
    few_steps_settings,
    latent_settings,
    upsampler_settings,
)
from drivesim.training.preparation.weights import check_start, network_to_train, teacher_of
from drivesim.training.stages.autoencoder import AutoencoderStage
from drivesim.training.stages.decoder import DecoderStage
from drivesim.training.stages.diffusion import LatentDiffusionStage
from drivesim.training.stages.few_steps import FewStepsStage
from drivesim.training.stages.stage import TrainingStage
from drivesim.training.stages.upsampler import UpsamplerStage
from drivesim.training.stages.vehicle_detector import VehicleDetectorStage, VehicleDetectorTraining


def prepare(request: StageRequest, on_progress: OnProgress) -> TrainingStage:
    """Packs the footage, encodes latents if the stage needs them, and builds the network with its first weights.

    Raises:
        FootageError: There is no footage that the stage can be trained on.
        CheckpointError: A checkpoint that the stage stands on or starts from is missing, damaged, or does not fit.
    """
    role, preset, device = request.role, request.preset, request.device
    check_start(request)
    verify_published(request.checkpoints, STAGES[role].foundations)
    footage = packed_footage(request, on_progress)
    network, known_channels = network_to_train(request)
    match STAGES[role].family:
        case Family.AUTOENCODER if role == "autoencoder":
            stage = AutoencoderStage(cast(Autoencoder, network), footage, autoencoder_settings(request), device)
            if request.initial is None:
                stage.start_from_components()
            elif known_channels is not None:
                stage.add_channels(known_channels)
            return stage
        case Family.AUTOENCODER:
            settings = as_requested(request, decoder_settings(preset))
            return DecoderStage(cast(Autoencoder, network), footage, settings, device)
        case Family.VEHICLE_DETECTOR:
            training = as_requested(request, VehicleDetectorTraining())
            return VehicleDetectorStage(cast(VehicleDetector, network), footage, training, device)
    autoencoder_path = request.checkpoint("autoencoder")
    autoencoder = cast(Autoencoder, load_checkpoint(autoencoder_path, "autoencoder"))
    if STAGES[role].family is Family.LATENT_DIFFUSION:
        encode = partial(_latents, autoencoder.to(device), autoencoder_path, device, on_progress)
        if role in TEACHER_OF:
            return FewStepsStage(
                role,
                cast(UNet, network),
                teacher_of(request),
                preset.denoiser(role),
                footage,
                encode,
                autoencoder,
                few_steps_settings(request),
                device,
            )
        return LatentDiffusionStage(
            role,
            cast(UNet, network),
            preset.denoiser(role),
            footage,
            encode,
            autoencoder,
            latent_settings(request),
            device,
        )
    return UpsamplerStage(
        role,
        cast(Upsampler, network),
        preset.denoiser(role),
        footage,
        autoencoder,
        as_requested(request, upsampler_settings(role, preset)),
        device,
        image_sampler(request, autoencoder),
    )


def _latents(
    autoencoder: Autoencoder, path: Path, device: str, on_progress: OnProgress, footage: PackedFootage
) -> FrameArray:
    try:
        return latent_cache(footage, autoencoder, sha256_of(path), device, on_progress)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
