"""One future of a scenario: its windows are predicted one after another and rendered in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from drivesim.engine.conditions import clip_conditions, keyframe_conditions, time_of_day_index
from drivesim.engine.first_frame.first_frame import FirstFrame
from drivesim.engine.future.predict import predict_window
from drivesim.engine.future.render import Renderer, StageDone, steps_of_stage
from drivesim.engine.future.schedule import Step, Task
from drivesim.engine.future.timeline import Timeline
from drivesim.engine.future.windows import Predicted, work_done
from drivesim.engine.making import within
from drivesim.engine.networks import EngineModels, latent_shape
from drivesim.engine.seeds import LatentNoise, RunNoise, first_keyframe_noise

_FIRST_FRAME_SHARE = 0.05
"""Part of the first window's work that the first frame is; it belongs to the share of `predict`."""


@dataclass(frozen=True)
class Future:
    """A future, bound to its first frame (and so to its scenario, seed and settings), its number and its timeline."""

    first_frame: FirstFrame
    number: int
    timeline: Timeline

    def steps(self, task: Task) -> Iterator[Step]:
        """Does a task of this future; see `prediction` and `render`."""
        if task.predicted is None:
            yield from self.prediction(task.window, task.previous)
            return
        yield from self.render(task.window, task.predicted.latents, task.previous)
        yield None

    def predict(self, window: int, previous: np.ndarray | None) -> Predicted:
        """Makes the keyframe latents of a window at once; see `prediction`."""
        *_, predicted = self.prediction(window, previous)
        assert isinstance(predicted, Predicted), "the keyframes come last"
        return predicted

    @torch.inference_mode()
    def prediction(self, window: int, previous: np.ndarray | None) -> Iterator[StageDone | Predicted]:
        """Makes the keyframe latents of a window; yields the steps of the samplers, then the latents.

        Args:
            window: number of the window.
            previous: the keyframe latents `t c h w` of the window before; None for window 0.

        Raises:
            InputError: see `FirstFrame.keyframe`.
            CheckpointError: a network is missing.
        """
        models, settings, video = self._models, self.first_frame.composer.settings, self.timeline.video
        choice, begun = None, 0.0
        if previous is None:
            begun = _FIRST_FRAME_SHARE
            making = within(self.first_frame.keyframe(), 0.0, begun)
            keyframe, choice = yield from steps_of_stage(window, "first frame", making)
            real = bool(self.first_frame.scenario.real_frames)
            known = self.first_frame.real_keyframes() if real else keyframe[None]
        else:
            known = models.tensor(previous[-video.context_frames :])
        chain, first = self._latent_noise(), self.timeline.first_keyframe(window)

        def noise_of_step(step: int) -> Tensor:
            of_step = chain.of_step(step)
            return torch.stack([of_step.keyframe(first + place) for place in range(video.keyframes_per_window)])[None]

        conditions = keyframe_conditions(self.first_frame.scenario, self.timeline.keyframe_times(window))
        prediction = models.computing_in(settings.precision).sampled("prediction", settings)
        context_noise = None
        if settings.context_noise and prediction.network.config.temporal.context_noise:
            context_noise = chain.context(window, len(known))
        steps = predict_window(
            prediction,
            known,
            conditions,
            settings,
            noise=noise_of_step(0)[0],
            context_noise=context_noise,
            noise_of_step=noise_of_step,
        )
        for step in steps:
            part = (step.index + 1) / prediction.count_steps(settings.prediction)
            yield StageDone(window, "predict", begun + (work_done("predict") - begun) * part)
        yield Predicted(step.x0[0].cpu().numpy(), None if choice is None else choice.record())

    @torch.inference_mode()
    def render(self, window: int, latents: np.ndarray, previous: np.ndarray | None) -> Iterator[StageDone]:
        """Makes the frames of a window in blocks. Windows can be rendered in any order.

        Args:
            window: number of the window.
            latents: its keyframe latents `t c h w`.
            previous: those of the window before; None for window 0.

        Raises:
            CheckpointError: a network is missing.
        """
        yield from self._renderer().render(window, *self._keyframes(latents, previous))

    @torch.inference_mode()
    def low_resolution(self, window: int, latents: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        """Returns the frames of a window before the upsampler, uint8 `t h w c`; the arguments are those of `render`.

        Raises:
            CheckpointError: a network is missing.
        """
        return self._renderer().low_resolution(window, *self._keyframes(latents, previous))

    def _keyframes(self, latents: np.ndarray, previous: np.ndarray | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The keyframes of a window, and the last one before them."""
        models, context = self._models, self.timeline.video.context_frames
        return models.tensor(latents), None if previous is None else models.tensor(previous[-context - 1])

    def _renderer(self) -> Renderer:
        scenario, settings = self.first_frame.scenario, self.first_frame.composer.settings
        return Renderer(
            networks=self._models.computing_in(settings.rendering_precision),
            timeline=self.timeline,
            settings=settings,
            noise=self._latent_noise(),
            time_of_day=time_of_day_index(scenario),
            conditions_of=lambda pass_, gaps: clip_conditions(
                scenario, np.array(self.timeline.clip_times(pass_, gaps))
            ),
        )

    @property
    def _models(self) -> EngineModels:
        return self.first_frame.composer.models

    def _latent_noise(self) -> LatentNoise:
        """The noise of the latents of this future. It starts with the noise of the first attempt at the first frame.

        That holds even if the gate kept a later attempt: windows need not know its choice.
        """
        models, seed = self._models, self.first_frame.seed
        start = first_keyframe_noise(latent_shape(models.checkpoints), seed).to(models.device)
        correlation, factor = models.checkpoints.preset.noise_correlation, models.video.interpolation_factor
        return LatentNoise(RunNoise(seed, self.number), start, correlation, factor)
