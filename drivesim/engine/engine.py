"""The engine: a scenario becomes windows of video.

engine = Engine.load()
for window in engine.rollout(load_scenario("scenarios/cut_in_day.yaml"), seed=0):
    window.frames     # uint8 (t, h, w, c), RGB
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from drivesim.assets import default_checkpoints
from drivesim.engine.first_frame.compose import Composer
from drivesim.engine.first_frame.first_frame import FirstFrame
from drivesim.engine.first_frame.gate import Gated
from drivesim.engine.future.future import Future
from drivesim.engine.future.schedule import Schedule, Step, Task, make_windows
from drivesim.engine.future.timeline import Timeline
from drivesim.engine.future.windows import FutureStart, Progress, ResumePoint, Window
from drivesim.engine.making import made
from drivesim.engine.networks import EngineModels, Networks
from drivesim.engine.settings import EngineSettings, fast
from drivesim.engine.threads import cpu_threads, each_with_threads
from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.conditioning import Conditioning
from drivesim.models.pixels import to_unit_range
from drivesim.models.presets import VideoFormat
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout


class Engine:
    """All stages of a checkpoint set on one device.

    Calls leave no state behind: everything follows from their arguments. Wherever a `seed` is None, it is the
    scenario's; wherever `settings` are None, they are those of the preset `fast`. What the scenario itself says about
    sampling takes the place of these settings.

    Args:
        checkpoints: the models.
        device: where the networks run.
        threads: number of CPU threads of each call, on which the last bits depend; None for as many as torch has.
    """

    def __init__(
        self, checkpoints: CheckpointSet, device: torch.device | str = "cpu", threads: int | None = None
    ) -> None:
        self.models = EngineModels(checkpoints, torch.device(device))
        self.threads = threads

    @classmethod
    def load(
        cls, folder: Path | str | None = None, device: torch.device | str = "cpu", threads: int | None = 1
    ) -> Engine:
        """Opens a folder of checkpoints; each network is loaded when it is first used.

        Args:
            folder: the folder; by default that of the models that ship.
            device: where the networks run.
            threads: number of CPU threads. One is the default: it gives the same bits on machines with any number of
                cores, and it never waits for a thread that another program keeps from running.

        Raises:
            CheckpointError: a file is missing or is not the one that the manifest records.
        """
        checkpoints = CheckpointSet.open(default_checkpoints() if folder is None else folder)
        checkpoints.verify_all()
        return cls(checkpoints, device, threads)

    def __repr__(self) -> str:
        return f"<Engine of {self.checkpoints.folder} on {self.device}>"

    @property
    def checkpoints(self) -> CheckpointSet:
        """The checkpoint set."""
        return self.models.checkpoints

    @property
    def device(self) -> torch.device:
        """The device on which the networks run."""
        return self.models.device

    @property
    def networks(self) -> Networks:
        """The networks in float32."""
        return self.models.exact

    @property
    def video(self) -> VideoFormat:
        """Sizes and rates of the video."""
        return self.models.video

    def load_for_composing(self) -> None:
        """Loads the networks that `compose` and `frame_findings` use, which otherwise happens on their first call.

        Raises:
            CheckpointError: a network is missing or damaged.
        """
        Composer(self.models, fast()).load_networks()
        if VEHICLE_DETECTOR in self.checkpoints.roles:
            _ = self.networks.vehicle_detector

    @torch.inference_mode()
    def compose(
        self, scenario: Scenario, seed: int | None = None, settings: EngineSettings | None = None
    ) -> np.ndarray:
        """Makes the first frame alone, uint8 `h w c`, with the networks for single pictures."""
        first_frame = self._first_frame(scenario, seed, settings)
        with cpu_threads(self.threads):
            return first_frame.picture(made(first_frame.keyframe())[0])

    def first_layout(
        self, scenario: Scenario, seed: int | None = None, settings: EngineSettings | None = None
    ) -> SceneLayout | None:
        """Returns the boxes that `compose` uses: the scenario's, or those drawn for its crowdedness, or None."""
        return self._first_frame(scenario, seed, settings).layout()

    def draws_layouts(self, settings: EngineSettings) -> bool:
        """Returns whether first frames with a crowdedness but without boxes get boxes from the layout prior."""
        return Composer(self.models, settings).draws_layouts

    @torch.inference_mode()
    def compose_gated(
        self, scenario: Scenario, max_attempts: int, seed: int | None = None, settings: EngineSettings | None = None
    ) -> tuple[np.ndarray, Gated[Tensor]]:
        """Makes up to `max_attempts` first frames and keeps the one that obeys the boxes best.

        The frame is the first of a rollout whose settings have as many `gate_attempts`. The first attempt is the frame
        that `compose` makes without a gate.

        Returns:
            The frame, uint8 `h w c`, and how each attempt did.

        Raises:
            InputError: the scenario has no boxes.
            CheckpointError: the checkpoints hold no vehicle detector.
        """
        first_frame = self._first_frame(scenario, seed, settings)
        with cpu_threads(self.threads):
            choice = made(first_frame.gated_keyframe(max_attempts))
            return first_frame.picture(choice.sample), choice

    @torch.inference_mode()
    def compose_many(
        self,
        conditions: Conditioning,
        seeds: Sequence[int],
        settings: EngineSettings | None = None,
        enlarge: bool = True,
        attempts: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Makes first frames of many scenes at a time. Each equals what `compose` makes alone, but for rounding.

        Args:
            conditions: the conditions of all samples.
            seeds: one seed per sample.
            settings: how they are sampled.
            enlarge: whether frames are enlarged; otherwise they stay at low resolution.
            attempts: the number of the gate's attempt that each sample is; 0 by default.

        Returns:
            Frames uint8 `b h w c`.
        """
        composer = Composer(self.models, settings or fast())
        with cpu_threads(self.threads):
            keyframes = made(composer.keyframes(conditions, seeds, attempts or [0] * len(seeds)))
            return composer.pictures(keyframes, seeds, enlarge)

    @torch.inference_mode()
    def pass_many(
        self, frames: np.ndarray, seeds: Sequence[int], settings: EngineSettings | None = None, enlarge: bool = True
    ) -> np.ndarray:
        """Encodes frames, uint8 `b h w c`, and makes pictures of their latents as `compose_many` does.

        This is an upper bound on the quality of any composed frame.
        """
        composer = Composer(self.models, settings or fast())
        with cpu_threads(self.threads):
            return composer.pictures(composer.encoded(list(frames)), seeds, enlarge)

    @torch.inference_mode()
    def enlarge_many(
        self, frames: np.ndarray, seeds: Sequence[int], settings: EngineSettings | None = None
    ) -> np.ndarray:
        """Enlarges low-resolution frames, uint8 `b h w c`, with the upsampler of single pictures; a seed each."""
        low_res = to_unit_range(self.models.tensor(frames))
        with cpu_threads(self.threads):
            return Composer(self.models, settings or fast()).enlarged(low_res, seeds)

    def rollout(
        self,
        scenario: Scenario,
        seed: int | None = None,
        future: int = 0,
        resume: ResumePoint | None = None,
        settings: EngineSettings | None = None,
    ) -> Iterator[Window]:
        """Yields the windows of one future, in order, each as soon as it is made.

        Memory does not grow with the duration. All futures of a seed share the first frame.

        Args:
            scenario: what the future shows.
            seed: seed of the run.
            future: number of the future, from 0.
            resume: where an interrupted rollout continues. The remaining windows are the same bits as without an
                interruption.
            settings: how the future is sampled.

        Raises:
            InputError: the scenario cannot be rolled out, for example because it is shorter than a frame.
            CheckpointError: a network is missing.
        """
        start = FutureStart(future) if resume is None else FutureStart(future, resume.window, resume.latents)
        for event in self.windows(scenario, [start], seed, settings):
            if isinstance(event, Window):
                yield event

    def windows(
        self,
        scenario: Scenario,
        starts: Sequence[FutureStart],
        seed: int | None = None,
        settings: EngineSettings | None = None,
        with_frames: bool = True,
    ) -> Iterator[Progress | Window]:
        """Makes the windows of several futures in this process, one future after another, and tells of each step.

        Args:
            scenario: what the futures show.
            starts: where each future starts.
            seed: seed of the run.
            settings: how the futures are sampled.
            with_frames: whether windows are rendered, or only their keyframes predicted.

        Raises:
            InputError: see `rollout`.
            CheckpointError: see `rollout`.
        """
        for start in starts:
            future = self.future(scenario, start.future, seed, settings)
            schedule = Schedule([start], future.timeline.num_windows, with_frames=with_frames)
            yield from each_with_threads(make_windows(schedule, partial(_steps_here, future)), self.threads)

    def future(
        self, scenario: Scenario, number: int = 0, seed: int | None = None, settings: EngineSettings | None = None
    ) -> Future:
        """Returns a future, of which single windows can be predicted and rendered."""
        return Future(self._first_frame(scenario, seed, settings), number, self.timeline(scenario, settings))

    def timeline(self, scenario: Scenario, settings: EngineSettings | None = None) -> Timeline:
        """Returns the frames and windows that each future of a scenario has."""
        return Timeline(self.video, (settings or fast()).interpolation_passes, scenario.duration_s)

    def _first_frame(self, scenario: Scenario, seed: int | None, settings: EngineSettings | None) -> FirstFrame:
        composer = Composer(self.models, (settings or fast()).with_sampling(scenario.sampling))
        return FirstFrame(composer, scenario, scenario.seed if seed is None else seed)


def _steps_here(future: Future, schedule: Schedule) -> Iterator[tuple[Task, Step]]:
    """Does the tasks of one future in this process, one at a time."""
    while (task := schedule.next_task()) is not None:
        for step in future.steps(task):
            yield task, step
