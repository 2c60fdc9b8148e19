"""The engine: a scenario becomes windows of video.

engine = Engine.load("checkpoints/demo")
for window in engine.rollout(load_scenario("scenarios/cut_in_night.yaml"), seed=0):
    window.frames     # uint8 (t, h, w, c), RGB
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from drivesim.detection.detections import Detections
from drivesim.engine.compose import compose_keyframes, keyframe_from_picture, keyframe_from_pixels
from drivesim.engine.conditions import (
    clip_conditions,
    first_frame_conditions,
    keyframe_conditions,
    time_of_day_index,
    told_layouts,
)
from drivesim.engine.decode import decode_frames
from drivesim.engine.gate import Gated, gated, layout_to_obey
from drivesim.engine.layouts import with_drawn_layouts
from drivesim.engine.networks import Networks
from drivesim.engine.predict import predict_window
from drivesim.engine.render import Renderer, StageDone, pixels
from drivesim.engine.seeds import LatentNoise, RunNoise
from drivesim.engine.settings import EngineSettings, fast
from drivesim.engine.timeline import Timeline
from drivesim.engine.upsample import upsample
from drivesim.engine.windows import Predicted, ResumePoint, Window
from drivesim.models.checkpoints import LAYOUTS, CheckpointSet
from drivesim.models.conditioning import Conditioning
from drivesim.models.precision import BFLOAT16, FLOAT32
from drivesim.models.presets import VideoFormat
from drivesim.models.vehicle_detector import detect_vehicles
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout


class Engine:
    """All stages of a checkpoint set on one device; calls leave no state behind, all follows from their arguments."""

    def __init__(self, checkpoints: CheckpointSet, device: torch.device | str = "cpu") -> None:
        self.checkpoints = checkpoints
        self.device = torch.device(device)
        self.networks = Networks(checkpoints, self.device, FLOAT32)
        self._reduced = Networks(checkpoints, self.device, BFLOAT16)

    @classmethod
    def load(cls, folder: Path | str, device: torch.device | str = "cpu") -> Engine:
        """The engine of a folder of checkpoints, each loaded when first used.

        CheckpointError, now, where a file is missing or is not the one that the manifest records.
        """
        checkpoints = CheckpointSet.open(folder)
        checkpoints.verify_all()
        return cls(checkpoints, device)

    @property
    def video(self) -> VideoFormat:
        """Sizes and rates of the checkpoints."""
        return self.checkpoints.preset.video

    @torch.inference_mode()
    def compose(
        self, scenario: Scenario, seed: int | None = None, settings: EngineSettings | None = None
    ) -> np.ndarray:
        """The first frame alone, uint8 `h w c`, by the networks for single pictures. `seed`: the scenario's if None."""
        settings, seed = _resolved(scenario, settings, seed)
        keyframe, _ = self._first_keyframe(scenario, seed, settings)
        return self._pictures(keyframe[None], [seed], settings)[0]

    def first_layout(
        self, scenario: Scenario, seed: int | None = None, settings: EngineSettings | None = None
    ) -> SceneLayout | None:
        """The boxes that `compose` uses: the scenario's, or those drawn for its crowdedness; None for neither."""
        settings, seed = _resolved(scenario, settings, seed)
        if scenario.first_frame is not None:
            return None
        told = self._with_layouts(first_frame_conditions(scenario), [seed], settings)
        return None if told.boxes is None else told_layouts(told)[0]

    def draws_layouts(self, settings: EngineSettings) -> bool:
        """Whether first frames with a crowdedness, but no boxes, get boxes from the layout prior."""
        return settings.draw_layouts and LAYOUTS in self.checkpoints.roles

    @torch.inference_mode()
    def compose_gated(
        self,
        scenario: Scenario,
        max_attempts: int,
        seed: int | None = None,
        settings: EngineSettings | None = None,
    ) -> tuple[np.ndarray, Gated[Tensor]]:
        """The first frame that obeys its boxes best, of up to `max_attempts`, and how each attempt did.

        It is the first of a rollout with as many `gate_attempts`; the first attempt is that of `compose` without.
        InputError where the scenario has no boxes; CheckpointError where the checkpoints hold no vehicle detector.
        """
        settings, seed = _resolved(scenario, settings, seed)
        choice = self._gated_keyframe(scenario, seed, replace(settings, gate_attempts=max_attempts))
        return self._pictures(choice.sample[None], [seed], settings)[0], choice

    @torch.inference_mode()
    def compose_many(
        self,
        conditions: Conditioning,
        seeds: Sequence[int],
        settings: EngineSettings | None = None,
        enlarge: bool = True,
        attempts: Sequence[int] | None = None,
    ) -> np.ndarray:
        """First frames of many scenes at a time, one condition and one seed each: uint8 `b h w c`.

        Each is what `compose` makes alone, but for rounding. Without `enlarge` they stay at low resolution.
        `attempts`: of each sample, as the gate counts them.
        """
        settings, attempts = settings or fast(), attempts or [0] * len(seeds)
        keyframes = self._composed(conditions, seeds, settings, attempts)
        return self._pictures(keyframes, seeds, settings, enlarge)

    @torch.inference_mode()
    def pass_many(
        self, frames: np.ndarray, seeds: Sequence[int], settings: EngineSettings | None = None, enlarge: bool = True
    ) -> np.ndarray:
        """Frames uint8 `b h w c` as they look once encoded and made again as `compose_many` does.

        What is lost here, no image model can keep.
        """
        autoencoder = self.networks.autoencoder
        keyframes = torch.stack([keyframe_from_pixels(autoencoder, f, self.video, self.device) for f in frames])
        return self._pictures(keyframes, seeds, settings or fast(), enlarge)

    @torch.inference_mode()
    def enlarge_many(
        self, frames: np.ndarray, seeds: Sequence[int], settings: EngineSettings | None = None
    ) -> np.ndarray:
        """Small frames uint8 `b h w c` as the upsampler of single pictures enlarges them, one seed each."""
        low_res = self._tensor(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
        return self._enlarged(low_res, seeds, settings or fast())

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
        first = 0 if resume is None else resume.window
        latents = None if resume is None else resume.latents
        for window in range(first, self.timeline(scenario, settings).num_windows):
            predicted = self.predict(scenario, window, latents, seed, future, settings)
            previous, latents = latents, predicted.latents
            steps = self.render(scenario, window, latents, previous, seed, future, settings)
            frames = np.concatenate([step.frames for step in steps if step.frames is not None])
            yield Window(window, latents, frames, predicted.gate)

    def timeline(self, scenario: Scenario, settings: EngineSettings | None = None) -> Timeline:
        """The frames and windows of each future of a scenario."""
        return Timeline(self.video, (settings or fast()).interpolation_passes, scenario.duration_s)

    @torch.inference_mode()
    def predict(
        self,
        scenario: Scenario,
        window: int,
        previous: np.ndarray | None,
        seed: int | None = None,
        future: int = 0,
        settings: EngineSettings | None = None,
    ) -> Predicted:
        """The keyframe latents of a window, from those `t c h w` of the window before, which is None for window 0.

        With a gate, window 0 raises what `compose_gated` raises.
        """
        settings, seed = _resolved(scenario, settings, seed)
        choice = None
        if window == 0:
            keyframe, choice = self._first_keyframe(scenario, seed, settings)
            known = keyframe[None]
        else:
            known = self._tensor(previous[-self.video.context_frames :])
        timeline, chain = self.timeline(scenario, settings), self._latent_noise(seed, future)
        first = timeline.first_keyframe(window)
        noise = torch.stack([chain.keyframe(first + place) for place in range(self.video.keyframes_per_window)])
        told = keyframe_conditions(scenario, timeline.keyframe_times(window))
        prediction = self._networks(settings.precision).prediction
        latents = predict_window(prediction, known, told, settings, noise).cpu().numpy()
        return Predicted(latents, None if choice is None else choice.record())

    @torch.inference_mode()
    def render(
        self,
        scenario: Scenario,
        window: int,
        latents: np.ndarray,
        previous: np.ndarray | None,
        seed: int | None = None,
        future: int = 0,
        settings: EngineSettings | None = None,
    ) -> Iterator[StageDone]:
        """The frames of a window in blocks, from its keyframe latents and those of the window before.

        Windows can be rendered in any order.
        """
        settings, seed = _resolved(scenario, settings, seed)
        timeline, networks = self.timeline(scenario, settings), self._networks(settings.rendering_precision)
        renderer = Renderer(
            networks.interpolation,
            networks.decoder,
            networks.upsampler,
            networks.upsampler.network,
            timeline,
            settings,
            RunNoise(seed, future),
            self._latent_noise(seed, future),
            time_of_day_index(scenario),
            lambda regime, gaps: clip_conditions(scenario, np.array(timeline.clip_times(regime, gaps))),
        )
        before = None if window == 0 else self._tensor(previous[-self.video.context_frames - 1])
        yield from renderer.render(window, self._tensor(latents), before)

    def _networks(self, precision: str) -> Networks:
        return self._reduced if precision == BFLOAT16 else self.networks

    def _first_keyframe(
        self, scenario: Scenario, seed: int, settings: EngineSettings
    ) -> tuple[Tensor, Gated[Tensor] | None]:
        """Latents `c h w`, the same for all futures of a seed, and the gate's choice where there is a gate."""
        if settings.gate_attempts > 1:
            choice = self._gated_keyframe(scenario, seed, settings)
            return choice.sample, choice
        if scenario.first_frame is not None:
            return keyframe_from_picture(self.networks.autoencoder, scenario.first_frame, self.video, self.device), None
        return self._composed(first_frame_conditions(scenario), [seed], settings, [0])[0], None

    def _gated_keyframe(self, scenario: Scenario, seed: int, settings: EngineSettings) -> Gated[Tensor]:
        """The latents `c h w` that the gate keeps; each attempt is read as the autoencoder decodes it."""
        layout, detector = layout_to_obey(scenario), self.networks.vehicle_detector
        conditions = first_frame_conditions(scenario)

        def sample(attempt: int) -> Tensor:
            return self._composed(conditions, [seed], settings, [attempt])[0]

        def read(keyframe: Tensor) -> Detections:
            decoded = decode_frames(self.networks.autoencoder, keyframe[None], range(1), 1)
            return detect_vehicles(detector, pixels(decoded))[0]

        return gated(layout, sample, read, settings.gate_attempts)

    def _composed(
        self, conditions: Conditioning, seeds: Sequence[int], settings: EngineSettings, attempts: Sequence[int]
    ) -> Tensor:
        """Latents `b c h w` of first frames, one condition, one seed and one attempt each."""
        conditions = self._with_layouts(conditions, seeds, settings)
        noise = torch.stack([self._image_noise(s, attempt) for s, attempt in zip(seeds, attempts, strict=True)])
        return compose_keyframes(self._networks(settings.precision).image, conditions.to(self.device), settings, noise)

    def _with_layouts(self, conditions: Conditioning, seeds: Sequence[int], settings: EngineSettings) -> Conditioning:
        if not self.draws_layouts(settings):
            return conditions
        return with_drawn_layouts(conditions, self.networks.layouts, seeds)

    def _image_noise(self, seed: int, attempt: int) -> Tensor:
        """The noise `c h w` of the first keyframe; further attempts of the gate have noise of their own."""
        key = ("image", attempt) if attempt else ("image",)
        return RunNoise(seed, None)(latent_shape(self.checkpoints), *key).to(self.device)

    def _latent_noise(self, seed: int, future: int) -> LatentNoise:
        """The noise of the latents of a future, which starts from that of its first frame.

        Where the gate kept a later attempt it still starts from the first: windows need not know the choice.
        """
        correlation, factor = self.checkpoints.preset.noise_correlation, self.video.interpolation_factor
        return LatentNoise(RunNoise(seed, future), self._image_noise(seed, 0), correlation, factor)

    def _pictures(
        self, keyframes: Tensor, seeds: Sequence[int], settings: EngineSettings, enlarge: bool = True
    ) -> np.ndarray:
        """Latents `b c h w` of unrelated frames to frames uint8 `b h w c`, by the networks for single pictures."""
        count = range(len(keyframes))
        low_res = decode_frames(self.networks.autoencoder, keyframes, count, len(count))
        return self._enlarged(low_res, seeds, settings) if enlarge else pixels(low_res)

    def _enlarged(self, low_res: Tensor, seeds: Sequence[int], settings: EngineSettings) -> np.ndarray:
        """Unrelated small frames `b 3 h w` in -1..1 to frames uint8 `b h w c`, by the upsampler of single pictures."""

        def noise_of(what: str, frames: range, shape: tuple[int, ...]) -> Tensor:
            correlation, key = settings.upsampler.noise_correlation, ("upsampler", what)
            return torch.cat([RunNoise(s, None).of_frames(shape, range(1), correlation, *key) for s in seeds])

        stage = self._networks(settings.precision).upsampler_image
        return pixels(upsample(stage, stage.network, low_res, range(len(low_res)), settings.upsampler, noise_of))

    def _tensor(self, latents: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(latents)).to(self.device)


def latent_shape(checkpoints: CheckpointSet) -> tuple[int, int, int]:
    """(c, h, w) of a keyframe's latents."""
    video, config = checkpoints.preset.video, checkpoints.preset.autoencoder
    return (config.latent_channels, video.low_height // config.factor, video.low_width // config.factor)


def frame_shape(checkpoints: CheckpointSet) -> tuple[int, int, int]:
    """(h, w, c) of a frame."""
    video, factor = checkpoints.preset.video, checkpoints.preset.upsampler.factor
    return (factor * video.low_height, factor * video.low_width, 3)


def _resolved(scenario: Scenario, settings: EngineSettings | None, seed: int | None) -> tuple[EngineSettings, int]:
    """Settings with what the scenario says about sampling, and the seed."""
    return (settings or fast()).with_sampling(scenario.sampling), scenario.seed if seed is None else seed
