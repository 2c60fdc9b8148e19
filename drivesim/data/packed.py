"""Packed footage: the frames of many drive logs at one size in memory-mapped shards, with their labels in columns.

    footage = footage_under(Path("logs"), 128, 256)     # packs logs that are not packed yet, and opens the footage
    footage = footage.refreshed()                       # adds shards that were recorded in the meantime

Packed footage lies beside the logs, in `<data>/.packed/<height>x<width>/<shard>/` (see `shard.Shard`). Stages train on
it, so that no video is decoded twice. Shards are packed from drive logs or recorded directly
(`drivesim.world.recording.packed_session`), and both kinds are used alike. A shard does not need its logs, so `.packed`
may be moved to another machine without them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from drivesim.data.columns import FrameColumns, VehicleColumns
from drivesim.data.drive_log import list_drive_logs
from drivesim.data.frame_array import FrameArray
from drivesim.data.packing import OnProgress, Packing, silent
from drivesim.data.road_columns import RoadColumns
from drivesim.data.shards.shard import Shard, ShardDamagedError, shard_names
from drivesim.errors import FootageError

logger = logging.getLogger(__name__)

_RATE_TOLERANCE = 0.05
"""Frame rates that differ by no more than this fraction count as the same."""


@dataclass(frozen=True, eq=False)
class PackedFootage:
    """All complete shards of one size, as one footage of `n` frames.

    Log i has the name `log_names[i]`, and `log_length[i]` frames at the rate `log_fps[i]` from frame `log_start[i]` on.

    Attributes:
        folder: Folder of the shards.
        shards: The shards.
        held_out: Names of the recordings that the user holds out; without any, the names of the logs decide.
    """

    folder: Path
    shards: tuple[Shard, ...]
    held_out: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for shard in self.shards:
            if shard.frames.shape[1:] != self.shards[0].frames.shape[1:]:
                height, width = shard.frames.shape[1:3]
                raise FootageError(
                    f"{shard.folder}: frames of {height}x{width} do not belong here; move the shard away"
                )

    @classmethod
    def open(cls, folder: Path, verify: bool = True, on_progress: OnProgress = silent) -> PackedFootage:
        """Opens every shard in `folder`, ordered by their first logs: by path, or by name for recorded shards.

        Args:
            folder: Folder of the shards.
            verify: Whether to compare every byte with the recorded sha256.
            on_progress: Is called after each shard.

        Raises:
            ShardDamagedError: A file of a shard is not what was written; the error names shard and file.
            FootageError: There is no packed footage, or it has a later format.
        """
        shards = _opened(folder, shard_names(folder), verify, on_progress)
        if not sum(map(len, shards)):
            raise FootageError(f"{folder}: no packed footage here")
        return cls(folder, tuple(sorted(shards, key=_place)))

    def refreshed(self, on_progress: OnProgress = silent) -> PackedFootage:
        """Returns this footage continued by the shards that have arrived, or this object if there are none.

        Frames, clips and logs keep their numbers, and new ones follow. Shards that have been removed stay usable here.

        Raises:
            FootageError: As `open` does.
        """
        known = {shard.folder.name for shard in self.shards}
        new = [name for name in shard_names(self.folder) if name not in known]
        opened = _opened(self.folder, new, True, on_progress)
        return replace(self, shards=(*self.shards, *opened)) if opened else self

    @cached_property
    def frames(self) -> FrameArray:
        """All frames, uint8 RGB `n h w 3`; only what is indexed is read from the memory-mapped files."""
        return FrameArray([shard.frames for shard in self.shards])

    @cached_property
    def vehicles(self) -> VehicleColumns:
        """All labelled vehicles."""
        return VehicleColumns.joined([shard.vehicles for shard in self.shards])

    @cached_property
    def roads(self) -> RoadColumns:
        """The road in view in each frame."""
        return RoadColumns.joined([shard.roads for shard in self.shards])

    @cached_property
    def columns(self) -> FrameColumns:
        """What models are conditioned on in each frame."""
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
        """Returns first frames and strides of all clips of `num_frames` frames at `fps`.

        Logs whose frame rate is no multiple of `fps` are left out.
        """
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
    """Returns the number of frames of a log per frame of a clip at `fps`, or None if no whole number is close."""
    stride = round(log_fps / fps)
    return stride if stride >= 1 and abs(log_fps / stride - fps) <= _RATE_TOLERANCE * fps else None


def packed_folder(data: Path, height: int, width: int) -> Path:
    """Returns the folder of the packed footage of a data folder."""
    return data / ".packed" / f"{height}x{width}"


def footage_under(data: Path, height: int, width: int, on_progress: OnProgress = silent) -> PackedFootage:
    """Returns the footage of a data folder: its shards, and its drive logs, of which new ones are packed first.

    Raises:
        FootageError: There are neither shards nor logs, or as `pack`.
    """
    return pack(list_drive_logs(data), packed_folder(data, height, width), height, width, on_progress)


def pack(
    logs: Sequence[Path], folder: Path, height: int, width: int, on_progress: OnProgress = silent
) -> PackedFootage:
    """Packs drive logs that are not packed yet, opens all packed footage in `folder`, and verifies every byte.

    A shard is packed again if a log of it has other content than before, or if it is damaged and its logs are there. If
    some logs of a shard have been removed, the others are packed again; if all have been removed, the shard stays. A
    log that cannot be read is named in a warning and left out. Of two processes, one packs while the other waits, says
    so through `on_progress`, and takes over if the first one dies.

    Raises:
        FootageError: No frame is left.
        ShardDamagedError: A damaged shard cannot be packed again from logs.
        FootageWriteError: The disk is full; the same call continues once there is room.
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
    """Opens the shards of these names; a shard that another process has removed by now is left out."""
    shards = []
    for done, name in enumerate(names, 1):
        try:
            shards.append(Shard.open(folder / name, verify))
        except ShardDamagedError:
            if (folder / name).is_dir():
                raise
        on_progress("checking packed footage", done, len(names))
    return shards
