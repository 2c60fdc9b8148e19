"""The videos of an archive before the upsampler, made from its latents alone: a quick look at a long rollout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from drivesim.archive import Archive
from drivesim.archive.format.names import HEAD_FILE, rollout_folder
from drivesim.archive.previews import is_whole_preview
from drivesim.engine import Engine, EngineSettings
from drivesim.engine.future.timeline import Timeline
from drivesim.engine.threads import each_with_threads
from drivesim.rollout.identity import settings_of, verified_checkpoints
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import source_archive


@dataclass(frozen=True)
class LowResolution:
    """The committed windows of an archive at low resolution.

    Attributes:
        archive: The archive, which may not be complete yet.
        job: The job that made it, with the folder of the videos as `out`.
        engine: Makes the frames.
        between: Whether the frames between keyframes are made; keyframes alone are much quicker.
    """

    archive: Archive
    job: RolloutJob
    engine: Engine
    between: bool = True

    @classmethod
    def open(cls, job: RolloutJob, between: bool = True) -> LowResolution:
        """Opens the archive that a job takes its latents from.

        Args:
            job: A job of `archived_job`.
            between: Whether the frames between keyframes are made.

        Raises:
            InputError: The checkpoints are not those that made the archive.
            ArchiveError: The archive is damaged.
        """
        checkpoints = verified_checkpoints(job.checkpoints)
        return cls(source_archive(job, checkpoints), job, Engine(checkpoints, job.device, job.threads), between)

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self._timeline.fps

    def num_windows(self, future: int) -> int:
        """Returns the number of windows of a future that can be shown."""
        return min(self.archive.rollouts[future].num_committed_windows, self._timeline.num_windows)

    def video(self, future: int) -> Path:
        """Returns the path of the video of a future, whose name differs from that of a whole rollout."""
        return self.job.preview_folder / f"{'low' if self.between else 'keyframes'}_{future:02d}.mp4"

    def is_made(self, future: int) -> bool:
        """Returns whether a whole video of a future shows all that is committed of it."""
        head, path = self.archive.path / rollout_folder(future) / HEAD_FILE, self.video(future)
        return is_whole_preview(path) and path.stat().st_mtime_ns >= head.stat().st_mtime_ns

    def windows(self, future: int) -> Iterator[np.ndarray]:
        """Yields the frames of each window of a future, uint8 `t h w 3`, one window in memory at a time.

        Raises:
            CheckpointError: A network is missing.
        """
        return each_with_threads(self._windows(future), self.job.threads)

    def _windows(self, future: int) -> Iterator[np.ndarray]:
        made = self.engine.future(self.job.scenario, future, self.job.seed, self._settings)
        latents = self.archive.rollouts[future].latents
        previous: np.ndarray | None = None
        for window in range(self.num_windows(future)):
            keyframes = latents[window]
            yield made.low_resolution(window, keyframes, previous)
            previous = keyframes

    @cached_property
    def _timeline(self) -> Timeline:
        return self.engine.timeline(self.job.scenario, self._settings)

    @cached_property
    def _settings(self) -> EngineSettings:
        settings = settings_of(self.job)
        return settings if self.between else replace(settings, interpolation_passes=0)
