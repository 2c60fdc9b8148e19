"""Labelled footage that a model is measured on: frames of logs that it was not trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from drivesim.data.clips import FootageTensors
from drivesim.data.drive_log import DriveLog, list_drive_logs, split_of
from drivesim.data.packed import PackedFootage, pack, packed_folder
from drivesim.data.shards.shard import shard_names
from drivesim.data.vehicle_labels import VehicleLabels, vehicle_labels
from drivesim.errors import FootageError
from drivesim.models.conditioning import Conditioning

OnProgress = Callable[[str, int, int], None]
"""Is called with what is done, how much of it is done, and how much there is."""

Split = Literal["held_out", "all"]
CONDITIONS = ("boxes", "box_headings", "box_colours", "road", "time_of_day", "crowdedness")
"""The conditions that footage can give a single frame."""


@dataclass(frozen=True, eq=False)
class MeasuredFootage:
    """Frames drawn from footage.

    Attributes:
        footage: Packed footage, which may hold more logs than those that are measured on.
        log_names: The names of the logs that frames were drawn from.
        log_numbers: The numbers of these logs in the packed footage, rising.
        recorded_sizes: Height and width of the logs before they were packed, such as `512x1024`.
        index: The numbers `n` of the frames in the packed footage.
    """

    footage: PackedFootage
    log_names: tuple[str, ...]
    log_numbers: np.ndarray
    recorded_sizes: str
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def frames(self) -> np.ndarray:
        """All frames, uint8 `n h w 3`."""
        return self.footage.frames[self.index]

    def some_frames(self, part: slice) -> np.ndarray:
        """Returns a part of the `n` frames, uint8 `k h w 3`."""
        return self.footage.frames[self.index[part]]

    @property
    def time_of_day(self) -> np.ndarray:
        """The time of day of each frame, `n`: positions in `TIMES_OF_DAY`, -1 if it is unknown."""
        known: np.ndarray = self.footage.columns.time_of_day[self.index].astype(np.int64)
        return known

    @property
    def crowdedness(self) -> np.ndarray:
        """The number of vehicles in view in each frame, `n`."""
        counts: np.ndarray = self.footage.columns.crowdedness[self.index].astype(np.int64)
        return counts

    @cached_property
    def identity(self) -> str:
        """The sha256 over the names of the logs, the numbers of the frames and their pixels."""
        digest = hashlib.sha256(repr(list(self.log_names)).encode())
        digest.update(self.index.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.frames).tobytes())
        return digest.hexdigest()

    @cached_property
    def labels(self) -> VehicleLabels:
        """The vehicles of all frames of the packed footage, by number of the frame."""
        return vehicle_labels(self.footage)

    def conditions(self, names: Sequence[str]) -> Conditioning:
        """Returns the conditions of each frame that a model is given, by some of the names in `CONDITIONS`."""
        everything = FootageTensors(self.footage, "cpu").conditioning(
            torch.from_numpy(self.index)[:, None],
            attributes=bool({"box_headings", "box_colours"} & set(names)),
            road="road" in names,
        )
        return everything.drop(*({*CONDITIONS, "ego_motion"} - set(names)))

    def without_logs(self, names: Collection[str]) -> MeasuredFootage:
        """Returns the frames of the logs that have none of these names."""
        log = np.searchsorted(self.footage.log_start, self.index, side="right") - 1
        return replace(self, index=self.index[~np.isin(self.footage.log_names[log], list(names))])

    def half(self, which: int) -> MeasuredFootage:
        """Returns the frames of every second log; the halves 0 and 1 have no log in common."""
        log = np.searchsorted(self.footage.log_start, self.index, side="right") - 1
        position = np.searchsorted(self.log_numbers, log)
        return replace(self, index=self.index[position % 2 == which])


def measured_footage(
    data: Path,
    height: int,
    width: int,
    num_frames: int,
    split: Split,
    seed: int,
    on_progress: OnProgress,
    held_out: frozenset[str] = frozenset(),
) -> MeasuredFootage:
    """Draws frames from footage, out of as many logs as there are.

    Drive logs are packed beside the data once. If there are none, the packed footage of this size is used, which
    recording or training left there.

    Args:
        data: Folder with drive logs or packed footage.
        height: Height of the frames.
        width: Width of the frames.
        num_frames: Largest number of frames to draw.
        split: Which logs to draw from.
        seed: Decides which frames are drawn.
        on_progress: Is called with the progress of the work.
        held_out: Names of the recordings that are held out; without any, the names of the logs decide.

    Raises:
        FootageError: There is no footage, or none of its logs is in the split.
    """
    paths = list_drive_logs(data)
    if not paths:
        return _packed_alone(data, (height, width), num_frames, split, seed, on_progress)
    name = f"{split}-{height}x{width}"
    if split == "held_out":
        paths = [path for path in paths if split_of(path.name, held_out) == "held_out"]
        if not paths:
            raise _empty_split(data)
        if held_out:
            name = f"{split}-{hashlib.sha256(repr(sorted(held_out)).encode()).hexdigest()[:8]}-{height}x{width}"
    footage = pack(paths, data / ".packed" / name, height, width, on_progress)
    headers = [DriveLog.open(path).labels for path in paths]
    sizes = ", ".join(f"{height}x{width}" for height, width in sorted({(h.height, h.width) for h in headers}))
    logs = np.arange(len(footage.log_names))
    names = tuple(path.name for path in paths)
    return MeasuredFootage(footage, names, logs, sizes, _spread(footage, logs, num_frames, seed))


def _packed_alone(
    data: Path, size: tuple[int, int], num_frames: int, split: Split, seed: int, on_progress: OnProgress
) -> MeasuredFootage:
    """Frames of packed footage that has no drive logs beside it."""
    folder = packed_folder(data, *size)
    if not shard_names(folder):
        raise FootageError(f"{data}: no drive logs here, and no packed footage of {size[0]}x{size[1]}")
    footage = PackedFootage.open(folder, on_progress=on_progress)
    names = [str(name) for name in footage.log_names]
    chosen = [number for number, name in enumerate(names) if split == "all" or split_of(name) == split]
    if not chosen:
        raise _empty_split(data)
    logs, sizes = np.array(chosen), f"{size[0]}x{size[1]}, packed"
    frames = _spread(footage, logs, num_frames, seed)
    return MeasuredFootage(footage, tuple(names[number] for number in chosen), logs, sizes, frames)


def _empty_split(data: Path) -> FootageError:
    return FootageError(f"{data}: none of its logs is held out of training; record more, or use --split all")


def _spread(footage: PackedFootage, logs: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The numbers of up to `count` frames of some logs, a second one of a log only after every log gave one."""
    generator = np.random.default_rng(seed)
    spans = [(int(footage.log_start[log]), int(footage.log_length[log])) for log in logs]
    frames = np.concatenate([np.arange(start, start + length) for start, length in spans])
    order = generator.random(len(frames))
    rank = np.concatenate([generator.permutation(length) for _, length in spans])
    return np.sort(frames[np.lexsort((order, rank))[:count]])


def conditions_part(conditions: Conditioning, part: slice) -> Conditioning:
    """Returns some samples of a batch of conditions on single frames."""
    taken = {name: getattr(conditions, name) for name in CONDITIONS}
    return Conditioning(**{name: _part(value, part) for name, value in taken.items()})


def _part(value: Any, part: slice) -> Any:
    """Some samples of a condition of any kind, or None."""
    if value is None or isinstance(value, torch.Tensor):
        return value if value is None else value[part]
    return replace(value, **{field.name: getattr(value, field.name)[part] for field in fields(value)})
