"""Records footage while the chain trains: what the present stage needs, and some of what the next one needs.

This module needs the extra `world`, so import it only where footage is recorded.
"""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.data.drive_log import split_of
from drivesim.errors import DrivesimError
from drivesim.models.presets import Preset
from drivesim.models.stages import TEACHER_OF, VEHICLE_DETECTOR
from drivesim.training.preparation.settings import diffusion_settings
from drivesim.training.stages.contexts import chained_windows
from drivesim.world.recording.packed_session import PackedRecording, PackedRecordSession, record_shards
from drivesim.world.recording.recorder import Recipe, log_name
from drivesim.world.recording.workers import RecordWorkers, parent_is_alive

logger = logging.getLogger(__name__)

_FIRST_SEED = 100_000_000
"""First seed of the first kind; each further kind begins this many seeds later. Smaller seeds stay unseen."""
_POLL_S = 0.5
_STILLS, _CLIPS, _FAST, _LARGE, _KEYFRAMES = range(5)
_NEEDED = {
    "prediction": (_KEYFRAMES,),
    "interpolation": (_CLIPS, _FAST),
    "decoder": (_CLIPS,),
    "upsampler_image": (_LARGE,),
    "upsampler": (_LARGE,),
}
_MOST_FRAMES = {_STILLS: 60_000, _CLIPS: 150_000, _FAST: 60_000, _LARGE: 12_000, _KEYFRAMES: 100_000}
"""Largest number of frames per kind: with the preset `demo` 29 (6 without the detector), 15, 6, 19 and 10 GB."""
_KEPT_FREE = 4 * 2**30
"""Bytes of the disk that recording leaves for everything else."""


def recordings(preset: Preset, for_detector: bool = True) -> tuple[PackedRecording, ...]:
    """Returns the kinds of footage that the stages of a preset need.

    These are stills, clips, fast clips, clips of large frames, and clips of keyframes, which are long enough for the
    windows that `prediction` chains.

    Args:
        preset: The preset.
        for_detector: Whether stills are also kept at the size of the vehicle detector, which takes four times the room.
    """
    video, factor = preset.video, preset.video.interpolation_factor
    low = (video.low_height, video.low_width)
    detector = (preset.vehicle_detector.height, preset.vehicle_detector.width)
    large = (low[0] * preset.upsampler.factor, low[1] * preset.upsampler.factor)
    fps = video.keyframe_fps * factor
    clip_frames = (video.keyframes_per_window - 1) * factor + 5
    context = diffusion_settings("prediction", preset).context
    keyframes = chained_windows(video.keyframes_per_window, context.overlap, context.chained_windows)[-1].stop
    kinds = (
        (Recipe.single_frames(height=detector[0], width=detector[1]), (detector, low) if for_detector else (low,), 2),
        (Recipe.clip(fps, clip_frames, height=low[0], width=low[1]), (low,), 4),
        (Recipe.clip(fps * factor, factor + 3, height=low[0], width=low[1]), (low,), 4),
        (Recipe.clip(fps, 5, height=large[0], width=large[1]), (large,), 2),
        (Recipe.clip(video.keyframe_fps, keyframes, height=low[0], width=low[1]), (low,), 4),
    )
    return tuple(
        _with_both_splits(PackedRecording(recipe, sizes, number * _FIRST_SEED, supersample))
        for number, (recipe, sizes, supersample) in enumerate(kinds, 1)
    )


def _with_both_splits(kind: PackedRecording) -> PackedRecording:
    """A recording whose first shard holds logs for training and held-out ones, so that training can begin with it."""
    number = kind.first_seed // kind.logs_per_shard
    while True:
        first_seed = number * kind.logs_per_shard
        names = map(log_name, range(first_seed, first_seed + kind.logs_per_shard))
        if len({split_of(name) for name in names}) == 2:
            return PackedRecording(kind.recipe, kind.sizes, first_seed, kind.supersample)
        number += 1


@dataclass(frozen=True)
class ChainRecordSession(PackedRecordSession):
    """A session that records what the present stage needs.

    Attributes:
        turns: The kinds of footage to record in turn, for each stage.
        stage: The number of the present stage, shared between processes.
    """

    turns: tuple[tuple[int, ...], ...] = ()
    stage: Any = None

    def shards(self) -> Iterator[tuple[PackedRecording, int]]:
        """Yields shards to record until the chain ends; waits while no more footage is wanted."""
        recorded, turn = [0] * len(self.recordings), 0
        self.folder.mkdir(parents=True, exist_ok=True)
        while parent_is_alive():
            wanted = [kind for kind in self.turns[self.stage.value] if not self._is_enough(kind, recorded[kind])]
            if shutil.disk_usage(self.folder).free < _KEPT_FREE:
                wanted = []
            if not wanted:
                time.sleep(_POLL_S)
                continue
            kind = wanted[turn % len(wanted)]
            recording = self.recordings[kind]
            yield recording, recording.first_seed // recording.logs_per_shard + recorded[kind]
            recorded[kind] += 1
            turn += 1

    def _is_enough(self, kind: int, num_shards: int) -> bool:
        return num_shards * self.recordings[kind].frames_per_shard >= _MOST_FRAMES[kind]


class ChainRecorder:
    """Worker processes that record footage for stages in their order; a context manager that ends them."""

    def __init__(self, data: Path, preset: Preset, roles: Sequence[str], num_workers: int) -> None:
        self._roles, self._ended = tuple(roles), False
        needed = [_NEEDED.get(TEACHER_OF.get(role, role), (_STILLS,)) for role in roles]
        turns = tuple((*now, *now, *after) for now, after in zip(needed, [*needed[1:], ()], strict=True))
        self._stage = multiprocessing.get_context("spawn").Value("i", 0)
        session = ChainRecordSession(
            data, recordings(preset, VEHICLE_DETECTOR in roles), num_workers=num_workers, turns=turns, stage=self._stage
        )
        self.workers = RecordWorkers(record_shards, (session, None), num_workers)

    def train(self, role: str) -> None:
        """Says which stage is trained from now on."""
        self._stage.value = self._roles.index(role)

    def check(self) -> bool:
        """Returns whether footage is still recorded. If the workers have failed, a warning says why, once."""
        if self._ended:
            return False
        try:
            for _ in self.workers.reports():
                pass
        except DrivesimError as error:
            logger.warning("recording has ended: %s; training goes on with the footage that is there", error)
            self._ended = True
        self._ended = self._ended or not self.workers.are_running
        return not self._ended

    def __enter__(self) -> ChainRecorder:
        self.workers.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.workers.__exit__(*error)
