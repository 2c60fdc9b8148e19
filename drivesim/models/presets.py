"""Presets: the sizes of all stages. `tiny` is for tests, `demo` ships trained, `paper` has the paper's scale."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from drivesim.diffusion.denoiser import Denoiser
from drivesim.diffusion.noise import NoiseCorrelation
from drivesim.diffusion.parametrization import parametrization_named
from drivesim.diffusion.schedule import Schedule
from drivesim.models.autoencoder import AutoencoderConfig
from drivesim.models.stages import STAGES, Family
from drivesim.models.temporal import TemporalConfig
from drivesim.models.unet import UNetConfig
from drivesim.models.upsampler import UpsamplerConfig
from drivesim.models.vehicle_detector import VehicleDetectorConfig
from drivesim.scenario.schema.vocabulary import CATEGORIES

if TYPE_CHECKING:
    from drivesim.models.stages import NetworkConfig


@dataclass(frozen=True)
class VideoFormat:
    """The sizes and rates of the video that a preset makes.

    Attributes:
        low_height: Height of the frames that the autoencoder encodes.
        low_width: Width of these frames.
        keyframe_fps: Keyframes per second.
        keyframes_per_window: Keyframes that the prediction model makes at a time, context frames included.
        context_frames: Keyframes of the window before that the prediction continues.
        interpolation_factor: Frames per keyframe after one pass of interpolation.
    """

    low_height: int = 128
    low_width: int = 256
    keyframe_fps: float = 2.5
    keyframes_per_window: int = 8
    context_frames: int = 2
    interpolation_factor: int = 4

    @property
    def gaps_per_window(self) -> int:
        """The number of keyframes, and so of gaps between keyframes, that a window adds to the video."""
        return self.keyframes_per_window - self.context_frames


@dataclass(frozen=True)
class Preset:
    """The sizes of all stages.

    Attributes:
        name: Name of the preset.
        video: Sizes and rates of the video.
        autoencoder: The autoencoder.
        image: The image model.
        prediction: Temporal layers that turn the image model into the prediction model.
        interpolation: Temporal layers that turn the image model into the interpolation model.
        upsampler: The image upsampler.
        upsampler_temporal: Temporal layers that turn it into the video upsampler.
        parametrization: What the latent diffusion models predict.
        upsampler_parametrization: What the upsampler predicts.
        vehicle_detector: The vehicle detector.
        noise_correlation: Correlation of the noise of neighbouring frames.
    """

    name: str
    video: VideoFormat
    autoencoder: AutoencoderConfig
    image: UNetConfig
    prediction: TemporalConfig
    interpolation: TemporalConfig
    upsampler: UpsamplerConfig
    upsampler_temporal: TemporalConfig
    parametrization: str = "velocity"
    upsampler_parametrization: str = "velocity"
    vehicle_detector: VehicleDetectorConfig = field(default_factory=VehicleDetectorConfig)
    noise_correlation: NoiseCorrelation = field(default_factory=NoiseCorrelation)

    def denoiser(self, role: str) -> Denoiser:
        """Returns the noise schedule and the parametrization of a diffusion stage."""
        upsampler = STAGES[role].family is Family.UPSAMPLER
        name = self.upsampler_parametrization if upsampler else self.parametrization
        return Denoiser(Schedule.cosine(), parametrization_named(name))

    def config_of(self, role: str) -> NetworkConfig:
        """Returns the configuration of the network of a stage.

        Raises:
            ValueError: The stage has no network, or there is no such stage.
        """
        stage = STAGES.get(role)
        if stage is None or stage.config is None:
            known = ", ".join(name for name, other in STAGES.items() if other.config is not None)
            raise ValueError(f"expected one of the stages {known}, got {role!r}")
        return stage.config(self)


def _preset(
    name: str,
    video: VideoFormat,
    autoencoder: AutoencoderConfig,
    image: UNetConfig,
    upsampler: UpsamplerConfig,
    temporal: TemporalConfig,
    vehicle_detector: VehicleDetectorConfig,
) -> Preset:
    return Preset(
        name=name,
        video=video,
        autoencoder=autoencoder,
        image=replace(image, box_categories=len(CATEGORIES), scene_labels=True),
        prediction=replace(temporal, ego_motion=True),
        interpolation=replace(temporal, frame_rate=True),
        upsampler=upsampler,
        upsampler_temporal=TemporalConfig(spatial_kernel=1),
        upsampler_parametrization="sample",
        vehicle_detector=vehicle_detector,
    )


def tiny() -> Preset:
    """Returns the preset for tests: every stage runs and trains in seconds on one core."""
    return _preset(
        "tiny",
        VideoFormat(low_height=32, low_width=64),
        AutoencoderConfig(base_channels=16, encoder_blocks=1, decoder_blocks=1),
        UNetConfig(in_channels=8, base_channels=16, multipliers=(1, 2), attention_levels=(1,), head_dim=16),
        UpsamplerConfig(base_channels=16, multipliers=(1, 1)),
        TemporalConfig(attention_levels=(1,), context_channels=8, head_dim=16),
        VehicleDetectorConfig(height=64, width=128, widths=(16, 32)),
    )


def demo() -> Preset:
    """Returns the preset of the trained default: 512×1024 video on two CPU cores."""
    preset = _preset(
        "demo",
        VideoFormat(),
        AutoencoderConfig(latent_channels=24, unshuffle=2, base_channels=48, multipliers=(1, 2, 4)),
        UNetConfig(
            in_channels=24,
            base_channels=64,
            multipliers=(1, 2, 3),
            attention_levels=(1, 2),
            box_attributes=True,
            road_raster=True,
        ),
        UpsamplerConfig(unshuffle=4, base_channels=40, multipliers=(1, 2, 3)),
        TemporalConfig(attention_levels=(0, 1, 2), context_channels=32),
        VehicleDetectorConfig(),
    )
    return replace(preset, prediction=replace(preset.prediction, context_noise=True))


def paper() -> Preset:
    """Returns the preset at the paper's scale (Video LDM, App. H): video models of 360 to 560 M parameters."""
    preset = _preset(
        "paper",
        VideoFormat(keyframe_fps=1.875),
        AutoencoderConfig(base_channels=128, multipliers=(1, 2), encoder_blocks=2, decoder_blocks=3),
        UNetConfig(
            in_channels=8,
            base_channels=256,
            multipliers=(1, 2, 4),
            blocks_per_level=2,
            attention_levels=(0, 1, 2),
            head_dim=64,
        ),
        UpsamplerConfig(unshuffle=4, base_channels=160, multipliers=(1, 2, 2, 4), blocks_per_level=2),
        TemporalConfig(attention_levels=(0, 1, 2), context_channels=128, head_dim=64),
        VehicleDetectorConfig(),
    )
    return replace(preset, upsampler_parametrization="velocity")


def preset_named(name: str) -> Preset:
    """Returns the preset `tiny`, `demo` or `paper`.

    Raises:
        ValueError: There is no preset of this name.
    """
    presets = {"tiny": tiny, "demo": demo, "paper": paper}
    if name not in presets:
        raise ValueError(f"expected a preset of {', '.join(presets)}, got {name!r}")
    return presets[name]()
