"""The settings that each stage is trained with in a preset, and the clips that it therefore wants."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from drivesim.models.guidance import GUIDANCE
from drivesim.models.presets import Preset
from drivesim.models.stages import GUIDE, STAGES, TEACHER_OF, Family
from drivesim.training.losses.crops import CropConfig
from drivesim.training.preparation.request import StageRequest
from drivesim.training.stages.autoencoder import AutoencoderTraining
from drivesim.training.stages.contexts import ContextTraining
from drivesim.training.stages.decoder import DecoderTraining
from drivesim.training.stages.diffusion import DiffusionTraining, Regime
from drivesim.training.stages.few_steps import FewStepsTraining
from drivesim.training.stages.stage import SINGLE_FRAMES, ClipKind, TrainingConfig
from drivesim.training.stages.upsampler import UpsamplerTraining

Settings = TypeVar("Settings", bound=TrainingConfig)
LatentSettings = TypeVar("LatentSettings", bound=DiffusionTraining)


def autoencoder_settings(request: StageRequest) -> AutoencoderTraining:
    """Returns the settings of stage `autoencoder`."""
    settings = AutoencoderTraining(crops=_crops(request.preset), keep_encoder=request.keep_encoder)
    if request.initial is not None:  # nothing to wait for: all losses count from the start
        losses = replace(settings.reconstruction, perceptual_start=0, adversarial_start=0)
        settings = replace(settings, reconstruction=losses)
    return as_requested(request, settings)


def latent_settings(request: StageRequest) -> DiffusionTraining:
    """Returns the settings of stage `image`, `prediction` or `interpolation` with the clips that a request asks for."""
    return _with_clips(request, as_requested(request, diffusion_settings(request.role, request.preset)))


def diffusion_settings(role: str, preset: Preset) -> DiffusionTraining:
    """Returns the settings of stage `image`, `guide`, `prediction` or `interpolation`."""
    return replace(_clips_and_drops(role, preset), noise_correlation=preset.noise_correlation)


def few_steps_settings(request: StageRequest) -> FewStepsTraining:
    """Returns the settings of a student, which sees the clips and conditions of its teacher."""
    stage, teacher = STAGES[request.role], TEACHER_OF[request.role]
    assert stage.num_steps is not None, f"{request.role} is a student"
    seen = diffusion_settings(teacher, request.preset)
    settings = FewStepsTraining(
        batch_size=seen.batch_size,
        regimes=seen.regimes,
        drop=seen.drop,
        context=replace(seen.context, self_made=0.0, chained_windows=1),
        noise_correlation=seen.noise_correlation,
        samples=seen.samples,
        num_steps=stage.num_steps,
        takes_over_at=stage.takes_over_at,
        guidance=GUIDANCE[teacher],
    )
    return _with_clips(request, as_requested(request, settings))


def decoder_settings(preset: Preset) -> DecoderTraining:
    """Returns the settings of stage `decoder`."""
    return DecoderTraining(fps=_fine_fps(preset), crops=_crops(preset))


def upsampler_settings(role: str, preset: Preset) -> UpsamplerTraining:
    """Returns the settings of stage `upsampler_image` or `upsampler`."""
    if role == "upsampler_image":
        return UpsamplerTraining()
    return UpsamplerTraining(batch_size=2, num_frames=4, fps=_fine_fps(preset))


def as_requested(request: StageRequest, settings: Settings) -> Settings:
    """Returns settings with batch size, learning rate and seed of a request."""
    batch_size = request.batch_size or settings.batch_size * request.batch_scale
    scale, learning_rate = request.learning_rate_scale, request.learning_rate
    if learning_rate is None:
        learning_rate = settings.learning_rate * scale
    return replace(
        settings,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_steps=round(settings.warmup_steps * min(1.0, scale)),
        seed=request.seed,
    )


def wanted_clips(request: StageRequest) -> tuple[ClipKind, ...]:
    """Returns the kinds of clips that a stage trains on."""
    kinds = _kinds_of(TEACHER_OF.get(request.role, request.role), request.preset)
    return kinds if request.clips is None else tuple(kind for kind in kinds if kind in request.clips)


def _kinds_of(role: str, preset: Preset) -> tuple[ClipKind, ...]:
    if STAGES[role].family is Family.LATENT_DIFFUSION:
        return tuple(regime.clips for regime in diffusion_settings(role, preset).regimes)
    if role == "decoder":
        return (decoder_settings(preset).clips,)
    if STAGES[role].family is Family.UPSAMPLER:
        return (upsampler_settings(role, preset).clips,)
    return (SINGLE_FRAMES,)


def _clips_and_drops(role: str, preset: Preset) -> DiffusionTraining:
    if role in ("image", GUIDE):
        return DiffusionTraining()
    video = preset.video
    fine_fps = _fine_fps(preset)
    if role == "prediction":
        drop = {**DiffusionTraining().drop, "boxes": 0.5}
        return DiffusionTraining(
            batch_size=4,
            drop=drop,
            regimes=(Regime(video.keyframe_fps, video.keyframes_per_window),),
            context=ContextTraining(self_made=0.3, overlap=video.context_frames, chained_windows=3),
            samples=3,
        )
    ends = video.interpolation_factor + 1
    regimes = (Regime(fine_fps, ends, 0), Regime(fine_fps * video.interpolation_factor, ends, 1))
    drop = {
        "boxes": 0.7,
        "box_headings": 0.3,
        "box_colours": 0.5,
        "road": 0.5,
        "time_of_day": 0.5,
        "crowdedness": 0.5,
    }
    return DiffusionTraining(batch_size=6, drop=drop, regimes=regimes, context=ContextTraining(noise=0.05), samples=4)


def _with_clips(request: StageRequest, settings: LatentSettings) -> LatentSettings:
    """The settings with only those kinds of clips that a request asks for."""
    if request.clips is None:
        return settings
    return replace(settings, regimes=tuple(regime for regime in settings.regimes if regime.clips in request.clips))


def _crops(preset: Preset) -> CropConfig:
    return CropConfig(side=min(64, preset.video.low_height))


def _fine_fps(preset: Preset) -> float:
    """Frames per second after the first pass of interpolation, T→4T."""
    return preset.video.keyframe_fps * preset.video.interpolation_factor
