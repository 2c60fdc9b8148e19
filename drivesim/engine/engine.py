"""The engine: a scenario becomes windows of video.

engine = Engine.load("checkpoints/demo")
for window in engine.rollout(load_scenario("scenarios/night_cut_in.yaml"), seed=0):
    window.frames     # uint8 (t, h, w, c), RGB
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from drivesim.engine.compose import compose_keyframe, keyframe_from_picture
from drivesim.engine.conditions import scene_labels
from drivesim.engine.decode import decode_frames
from drivesim.engine.predict import predict_window
from drivesim.engine.render import GapInterpolator, decoded_around
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.seeds import correlated_noise, noise
from drivesim.engine.settings import EngineSettings, fast
from drivesim.engine.timeline import Timeline
from drivesim.engine.upsample import NoiseOfFrames, upsample, upsample_blocks
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.presets import VideoFormat
from drivesim.scenario import Scenario

ROLES = ("autoencoder", "image", "prediction", "interpolation", "decoder", "upsampler_image", "upsampler")


@dataclass(frozen=True)
class Window:
    """A window of a future: `keyframe_latents` float32 `t c h w`, `frames` uint8 `t h w c`, RGB."""

    index: int
    keyframe_latents: np.ndarray
    frames: np.ndarray


@dataclass(frozen=True)
class StageDone:
    """A step on the way to a window: which stage, and what fraction of the window's work is done."""

    window: int
    stage: str
    fraction: float


@dataclass(frozen=True)
class ResumePoint:
    """Where a future goes on: the next window, at least 1, and the keyframe latents `t c h w` of the one before."""

    window: int
    latents: np.ndarray


class Engine:
    """All stages of a checkpoint set on one device; the methods have no state, everything follows from arguments."""

    def __init__(self, checkpoints: CheckpointSet, device: torch.device | str = "cpu") -> None:
        self.checkpoints = checkpoints
        self.device = torch.device(device)

    @classmethod
    def load(cls, folder: Path | str, device: torch.device | str = "cpu") -> Engine:
        """The engine of a folder of checkpoints; CheckpointError where a file is missing, damaged or does not fit."""
        engine = cls(CheckpointSet.open(folder), device)
        for role in ROLES:
            getattr(engine, f"_{role}")
        return engine

    @property
    def video(self) -> VideoFormat:
        """Sizes and rates of the checkpoints."""
        return self.checkpoints.preset.video

    def timeline(self, scenario: Scenario, settings: EngineSettings) -> Timeline:
        """The frames and windows of each future of a scenario."""
        return Timeline(self.video, settings.interpolation_passes, scenario.duration_s)

    @torch.inference_mode()
    def compose(
        self, scenario: Scenario, seed: int | None = None, settings: EngineSettings | None = None
    ) -> np.ndarray:
        """The first frame alone, uint8 `h w c`, by the networks for single pictures. `seed`: the scenario's if None."""
        settings = (settings or fast()).with_sampling(scenario.sampling)
        seed = scenario.seed if seed is None else seed
        keyframe = self._first_keyframe(scenario, seed, settings)
        low_res = decode_frames(self._autoencoder, keyframe[None], range(1), 1)
        stage, network = self._upsampler_image, self._upsampler_image.network
        noise_of = self._noise_of_frames(seed, 0, settings)
        return _pixels(upsample(stage, network, low_res, range(1), settings.upsampler, noise_of))[0]

    def rollout(
        self,
        scenario: Scenario,
        seed: int | None = None,
        future: int = 0,
        resume: ResumePoint | None = None,
        settings: EngineSettings | None = None,
    ) -> Iterator[Window]:
        """The windows of one future, in order, as soon as each is made; memory does not grow with the duration.

        `seed`: the scenario's if None. Futures share the first frame. After `resume`, the windows that are still to
        be made are the same bits as without an interruption.
        """
        for event in self.steps(scenario, seed, future, resume, settings):
            if isinstance(event, Window):
                yield event

    @torch.inference_mode()
    def steps(
        self,
        scenario: Scenario,
        seed: int | None = None,
        future: int = 0,
        resume: ResumePoint | None = None,
        settings: EngineSettings | None = None,
    ) -> Iterator[StageDone | Window]:
        """As `rollout`, with the stages between the windows."""
        settings = (settings or fast()).with_sampling(scenario.sampling)
        seed = scenario.seed if seed is None else seed
        run_noise = partial(_keyed_noise, seed, future)
        timeline = self.timeline(scenario, settings)
        gaps = GapInterpolator(self._interpolation, timeline, settings, run_noise)
        noise_of = self._noise_of_frames(seed, future, settings)
        labels = scene_labels(scenario, 1)
        if resume is None:
            first_window, before = 0, None
            known = self._first_keyframe(scenario, seed, settings)[None]
            yield StageDone(0, "compose", 0.05)
        else:
            first_window = resume.window
            latents = torch.from_numpy(resume.latents).to(self.device)
            known, before = latents[-self.video.context_frames :], gaps.group(first_window - 1, latents)

        for window in range(first_window, timeline.num_windows):
            window_noise = run_noise((self.video.keyframes_per_window, *known.shape[1:]), "prediction", window)
            keyframes = predict_window(self._prediction, known, labels, settings, window_noise.to(self.device))
            yield StageDone(window, "predict", 0.15)

            before = gaps.opening(keyframes) if before is None else before
            group = gaps.group(window, keyframes)
            yield StageDone(window, "interpolate", 0.3)

            wanted, margin = timeline.frames(window), settings.upsampler.block_context
            latents = gaps.stretch(window, before, group, keyframes)
            low_res = decoded_around(self._decoder, latents, wanted, margin, settings)
            yield StageDone(window, "decode", 0.35)

            stage, network, blocks = self._upsampler, self._upsampler.network, []
            for block in upsample_blocks(
                stage, network, low_res.frames, low_res.first, wanted, settings.upsampler, noise_of
            ):
                blocks.append(_pixels(block))
                yield StageDone(window, "upsample", 0.35 + 0.65 * sum(map(len, blocks)) / len(wanted))
            yield Window(window, keyframes.cpu().numpy(), np.concatenate(blocks))
            known, before = keyframes[-self.video.context_frames :], group

    def _first_keyframe(self, scenario: Scenario, seed: int, settings: EngineSettings) -> Tensor:
        """Latents `c h w`, the same for all futures of a seed."""
        if scenario.first_frame is not None:
            return keyframe_from_picture(self._autoencoder, scenario.first_frame, self.video, self.device)
        config = self.checkpoints.preset.autoencoder
        shape = (config.latent_channels, self.video.low_height // config.factor, self.video.low_width // config.factor)
        return compose_keyframe(self._image, scenario, settings, noise(shape, seed, "image").to(self.device))

    def _noise_of_frames(self, seed: int, future: int, settings: EngineSettings) -> NoiseOfFrames:
        correlation = settings.upsampler.noise_correlation

        def noise_of(what: str, frames: range, shape: tuple[int, ...]) -> Tensor:
            return correlated_noise(shape, frames, correlation, seed, future, "upsampler", what)

        return noise_of

    def _diffusion(self, role: str) -> DiffusionStage:
        network = self.checkpoints.load(role).requires_grad_(False).to(self.device)
        return DiffusionStage(network, self.checkpoints.preset.denoiser())

    @cached_property
    def _autoencoder(self) -> Autoencoder:
        return self.checkpoints.load("autoencoder").requires_grad_(False).to(self.device)

    @cached_property
    def _decoder(self) -> Autoencoder:
        return self.checkpoints.load("decoder").requires_grad_(False).to(self.device)

    @cached_property
    def _image(self) -> DiffusionStage:
        return self._diffusion("image")

    @cached_property
    def _prediction(self) -> DiffusionStage:
        return self._diffusion("prediction")

    @cached_property
    def _interpolation(self) -> DiffusionStage:
        return self._diffusion("interpolation")

    @cached_property
    def _upsampler_image(self) -> DiffusionStage:
        return self._diffusion("upsampler_image")

    @cached_property
    def _upsampler(self) -> DiffusionStage:
        return self._diffusion("upsampler")


def _keyed_noise(seed: int, future: int, shape: tuple[int, ...], *key: int | str) -> Tensor:
    return noise(shape, seed, future, *key)


def _pixels(frames: Tensor) -> np.ndarray:
    """`t 3 h w` in -1..1 to uint8 `t h w 3`."""
    scaled = ((frames + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return rearrange(scaled, "t c h w -> t h w c").contiguous().cpu().numpy()
