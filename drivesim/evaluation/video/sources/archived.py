"""Videos of archives: their frames, or, where an archive stores only latents, its keyframes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from drivesim.archive import Archive, open_archive
from drivesim.archive.reader import Rollout
from drivesim.engine import Engine
from drivesim.engine.conditions import time_of_day_index
from drivesim.engine.decode import decode_frames
from drivesim.engine.first_frame.compose import fitted
from drivesim.errors import InputError
from drivesim.evaluation.ego_motion import scenario_camera
from drivesim.evaluation.video.sources.videos import FrameSequence, Video
from drivesim.models.pixels import to_bytes, to_unit_range
from drivesim.rollout.archived import archived_scenario


@dataclass(frozen=True, eq=False)
class StoredFrames:
    """The committed frames of a future, shrunk to one size."""

    rollout: Rollout
    size: tuple[int, int]

    def __len__(self) -> int:
        return self.rollout.num_committed_frames

    def __getitem__(self, part: slice, /) -> np.ndarray:
        numbers = range(len(self))[part]
        frames = self.rollout.frames[numbers.start : numbers.stop]
        return np.stack([fitted(frame, *self.size) for frame in frames[:: numbers.step]])


@dataclass(frozen=True, eq=False)
class StoredKeyframes:
    """The keyframes of a future, decoded from its latents one at a time."""

    engine: Engine
    rollout: Rollout
    size: tuple[int, int]

    def __len__(self) -> int:
        video, windows = self.engine.video, self.rollout.num_committed_windows
        return windows * video.gaps_per_window + video.context_frames if windows else 0

    @torch.inference_mode()
    def __getitem__(self, part: slice, /) -> np.ndarray:
        numbers, models = range(len(self))[part], self.engine.models
        latents = models.tensor(np.stack([self._latents(number) for number in numbers]))
        decoded = decode_frames(models.exact.autoencoder, latents, range(len(latents)), 8)
        return np.stack([fitted(frame, *self.size) for frame in to_bytes(decoded)])

    def _latents(self, keyframe: int) -> np.ndarray:
        """The latents `c h w` of a keyframe, counted over the future."""
        gaps = self.engine.video.gaps_per_window
        window = min(keyframe // gaps, self.rollout.num_committed_windows - 1)
        latents: np.ndarray = self.rollout.latents[window : window + 1][0, keyframe - window * gaps]
        return latents


def archived_videos(engine: Engine, archives: Sequence[Path], size: tuple[int, int]) -> list[Video]:
    """Returns the videos of all futures of archives.

    Raises:
        InputError: An archive stores only latents of other checkpoints, or the archives have different frame rates.
    """
    videos = []
    for path in archives:
        archive = open_archive(path)
        for rollout in archive.rollouts:
            if rollout.num_committed_windows:
                videos.append(_video(engine, archive, rollout, size))
    if not videos:
        raise InputError("the archives hold no committed window, so there is nothing to measure")
    if len({video.fps for video in videos}) > 1:
        raise InputError("archives of different frame rates, or with and without frames: measure them one by one")
    return videos


def encoder_of(engine: Engine) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that maps frames uint8 `t h w 3` of any size to the latents `t c h w` of an engine."""

    @torch.inference_mode()
    def encode(frames: np.ndarray) -> np.ndarray:
        size, models = (engine.video.low_height, engine.video.low_width), engine.models
        small = models.tensor(np.stack([fitted(frame, *size) for frame in frames]))
        latents: np.ndarray = models.exact.autoencoder.encode(to_unit_range(small)[:, None])[:, 0].cpu().numpy()
        return latents

    return encode


def _video(engine: Engine, archive: Archive, rollout: Rollout, size: tuple[int, int]) -> Video:
    scenario = archived_scenario(archive)
    scene = f"{archive.provenance['scenario']['name']}, seed {archive.manifest.inputs['scenario']['seed']}"
    time_of_day, camera = time_of_day_index(scenario), scenario_camera(scenario)
    made_by = archive.manifest.inputs["checkpoints"].get("autoencoder")
    latents = rollout.latents if made_by == engine.checkpoints.sha256["autoencoder"] else None
    if archive.layout.keeps_frames:
        frames: FrameSequence = StoredFrames(rollout, size)
        return Video(scene, rollout.future, archive.layout.fps, frames, time_of_day, camera, latents)
    if latents is None:
        raise InputError(f"{archive.path}: stores only latents, which need the checkpoints that made them")
    frames = StoredKeyframes(engine, rollout, size)
    return Video(scene, rollout.future, engine.video.keyframe_fps, frames, time_of_day, camera, latents)
