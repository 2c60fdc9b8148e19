"""Packed footage: the frames of many drive logs at one size in memory-mapped shards, their labels in columns.

    footage = footage_under(Path("logs"), 128, 256)     # packs what is not packed yet, and opens it
    footage = footage.refreshed()                       # with the shards that were recorded since

It lies beside the logs, in `<data>/.packed/<height>x<width>/<shard>/` (see `shard.Shard`). Stages train on this, so
that no video is decoded twice. Shards are packed from drive logs here or recorded directly
(`drivesim.world.recording.packed_session`); both are used alike, and logs are not needed where shards are. `.packed`
may be moved to another machine without its logs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from drivesim.data.columns import FrameColumns, VehicleColumns
from drivesim.data.drive_log import list_drive_logs
from drivesim.data.frame_array import FrameArray
from drivesim.data.packing import OnProgress, Packing, silent
from drivesim.data.shard import Shard, ShardDamagedError, shard_names
from drivesim.errors import FootageError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PackedFootage:
    """All whole shards of one size, as one footage of `n` frames.

    frames: (n, h, w, 3) uint8 RGB, an array that reads from the mapped files what is asked of it (`FrameArray`).
    columns: the conditions of each frame. vehicles: all that is labelled. log i, `log_names[i]`, holds
    `log_length[i]` frames at `log_fps[i]` from `log_start[i]` on.
    """

    folder: Path
    shards: tuple[Shard, ...]

    def __post_init__(self) -> None:
        for shard in self.shards:
            if shard.frames.shape[1:] != self.shards[0].frames.shape[1:]:
                height, width = shard.frames.shape[1:3]
                raise FootageError(
                    f"{shard.folder}: frames of {height}x{width} do not belong here; move the shard away"
                )

    @classmethod
    def open(cls, folder: Path, verify: bool = True, on_progress: OnProgress = silent) -> PackedFootage:
        """Opens every shard in `folder`, ordered by the paths (of recorded shards the names) of their first logs.

        `verify` compares every byte with its recorded sha256. Raises ShardDamagedError (a FootageError) naming shard
        and file, and FootageError where there is no packed footage or it is of a later format.
        """
        shards = _opened(folder, shard_names(folder), verify, on_progress)
        if not sum(map(len, shards)):
            raise FootageError(f"{folder}: no packed footage here")
        return cls(folder, tuple(sorted(shards, key=_place)))

    def refreshed(self, on_progress: OnProgress = silent) -> PackedFootage:
        """This footage continued by the shards that arrived since, or this very object where none did.

        Frames, clips and logs that were there keep their numbers; new ones follow. Shards that were removed since stay
        usable here. Raises as `open` does.
        """
        known = {shard.folder.name for shard in self.shards}
        new = [name for name in shard_names(self.folder) if name not in known]
        opened = _opened(self.folder, new, True, on_progress)
        return PackedFootage(self.folder, (*self.shards, *opened)) if opened else self

    @cached_property
    def frames(self) -> FrameArray:
        return FrameArray([shard.frames for shard in self.shards])

    @cached_property
    def vehicles(self) -> VehicleColumns:
        return VehicleColumns.joined([shard.vehicles for shard in self.shards])

    @cached_property
    def columns(self) -> FrameColumns:
        logs = [(shard.logs.time_of_day, shard.logs.length) for shard in self.shards]
        time_of_day = np.concatenate([np.repeat(*columns) for columns in logs])
        return FrameColumns.of(self.vehicles, time_of_day, np.concatenate([s.ego_motion for s in self.shards]))

    @cached_property
    def log_names(self) -> np.ndarray:
        return np.concatenate([shard.logs.name for shard in self.shards])

    @cached_property
    def log_start(self) -> np.ndarray:
        return self.log_length.cumsum() - self.log_length

    @cached_property
    def log_length(self) -> np.ndarray:
        return np.concatenate([shard.logs.length for shard in self.shards])

    @cached_property
    def log_fps(self) -> np.ndarray:
        return np.concatenate([shard.logs.fps for shard in self.shards])

    def clip_starts(self, fps: float, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Every place where `num_frames` frames at `fps` fit: first frames and strides; other logs are left out."""
        starts, strides = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for start, length, log_fps in zip(self.log_start, self.log_length, self.log_fps, strict=True):
            stride = stride_of(float(log_fps), fps)
            if stride is None:
                continue
            places = np.arange(start, start + length - stride * (num_frames - 1))
            starts.append(places)
            strides.append(np.full(len(places), stride))
        return np.concatenate(starts).astype(np.int64), np.concatenate(strides).astype(np.int64)


def stride_of(log_fps: float, fps: float) -> int | None:
    """Every how many frames of a log make a clip at `fps`, within 5 %; None where no whole number does."""
    stride = round(log_fps / fps)
    return stride if stride >= 1 and abs(log_fps / stride - fps) <= 0.05 * fps else None


def packed_folder(data: Path, height: int, width: int) -> Path:
    """Where the packed footage of a data folder lies."""
    return data / ".packed" / f"{height}x{width}"


def footage_under(data: Path, height: int, width: int, on_progress: OnProgress = silent) -> PackedFootage:
    """The footage of a folder: shards that are there, and its drive logs, of which new ones are packed.

    Raises FootageError where there is neither; otherwise as `pack`.
    """
    return pack(list_drive_logs(data), packed_folder(data, height, width), height, width, on_progress)


def pack(
    logs: Sequence[Path], folder: Path, height: int, width: int, on_progress: OnProgress = silent
) -> PackedFootage:
    """Packs drive logs that are not packed yet, and opens all packed footage in `folder`, every byte verified.

    A log that changed under its name is noticed by its content, and its shard is packed again; so is a damaged shard
    whose logs are there. Of a shard some of whose logs were removed, the others are packed again; one whose logs are
    all gone stays. A log that cannot be read is named in a warning and left out. Of two processes, one packs; the other
    waits, which it says through `on_progress`, and takes over if the first one dies.

    Raises FootageError where nothing is left, ShardDamagedError for a damaged shard that no log can replace, and
    FootageWriteError where the disk is full: the same call continues.
    """
    packing = Packing(logs, folder, height, width, on_progress)
    while True:
        packing.run()
        try:
            return PackedFootage.open(folder, on_progress=on_progress)
        except ShardDamagedError as error:
            if not packing.discard(error.shard):
                raise
            logger.warning("%s; its logs are packed again", error)


def _place(shard: Shard) -> tuple[list[str], str]:
    first = shard.sources[0].path.split("/") if shard.sources else shard.logs.name[:1].tolist()
    return first, shard.folder.name


def _opened(folder: Path, names: Sequence[str], verify: bool, on_progress: OnProgress) -> list[Shard]:
    """The shards of these names; one that another process removed meanwhile is left out."""
    shards = []
    for done, name in enumerate(names, 1):
        try:
            shards.append(Shard.open(folder / name, verify))
        except ShardDamagedError:
            if (folder / name).is_dir():
                raise
        on_progress("checking packed footage", done, len(names))
    return shards
