"""Labelled footage that a model is measured on: frames of logs that it was not trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from drivesim.data.clips import FootageTensors
from drivesim.data.drive_log import DriveLog, find_drive_logs, split_of
from drivesim.data.packed import PackedFootage, pack
from drivesim.data.vehicle_labels import VehicleLabels, vehicle_labels
from drivesim.errors import FootageError
from drivesim.models.conditioning import Conditioning

OnProgress = Callable[[str, int, int], None]
"""(what is done, how many are done, of how many)."""

Split = Literal["held_out", "all"]


@dataclass(frozen=True, eq=False)
class MeasuredFootage:
    """Frames drawn from drive logs. `index` `n`: their numbers in the packed footage."""

    footage: PackedFootage
    log_paths: tuple[Path, ...]
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def frames(self) -> np.ndarray:
        """uint8 `n h w 3`."""
        return self.footage.frames[self.index]

    def some_frames(self, part: slice) -> np.ndarray:
        """Those of a part of the `n` frames, uint8 `k h w 3`."""
        return self.footage.frames[self.index[part]]

    @cached_property
    def recorded_sizes(self) -> str:
        """Height and width of the logs before they were packed, such as `512x1024`; several in order."""
        headers = [DriveLog.open(path).labels for path in self.log_paths]
        return ", ".join(f"{height}x{width}" for height, width in sorted({(h.height, h.width) for h in headers}))

    @property
    def time_of_day(self) -> np.ndarray:
        """`n`: positions in TIMES_OF_DAY, -1 where unknown."""
        return self.footage.columns.time_of_day[self.index].astype(np.int64)

    @property
    def crowdedness(self) -> np.ndarray:
        """`n`: vehicles in view."""
        return self.footage.columns.crowdedness[self.index].astype(np.int64)

    @cached_property
    def identity(self) -> str:
        """sha256 over the names of the logs, the numbers of the frames and their pixels."""
        digest = hashlib.sha256(repr([path.name for path in self.log_paths]).encode())
        digest.update(self.index.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.frames).tobytes())
        return digest.hexdigest()

    @cached_property
    def labels(self) -> VehicleLabels:
        """The vehicles of all frames of the logs, by number of the frame in the packed footage."""
        return vehicle_labels(self.footage)

    def conditions(self, told: Sequence[str]) -> Conditioning:
        """What a model is told of each frame: some of `boxes`, `time_of_day`, `crowdedness`."""
        everything = FootageTensors(self.footage, "cpu").conditioning(torch.from_numpy(self.index)[:, None])
        return everything.drop(*({"boxes", "time_of_day", "crowdedness", "ego_motion"} - set(told)))

    def half(self, which: int) -> MeasuredFootage:
        """Every second log's frames: halves 0 and 1 share no log."""
        log = np.searchsorted(self.footage.log_start, self.index, side="right") - 1
        return replace(self, index=self.index[log % 2 == which])


def measured_footage(
    data: Path, height: int, width: int, num_frames: int, split: Split, seed: int, on_progress: OnProgress
) -> MeasuredFootage:
    """Draws frames from the logs under `data`, from as many logs as there are, in an order that `seed` decides.

    The logs are packed beside the data once. FootageError where the split is empty.
    """
    logs = find_drive_logs(data)
    if split == "held_out":
        logs = [path for path in logs if split_of(path.name) == "held_out"]
        if not logs:
            raise FootageError(f"{data}: none of its logs is held out of training; record more, or use --split all")
    folder = data / ".packed" / f"{split}-{height}x{width}"
    footage = pack(logs, folder, height, width, on_progress)
    return MeasuredFootage(footage, tuple(logs), _spread(footage, num_frames, seed))


def _spread(footage: PackedFootage, count: int, seed: int) -> np.ndarray:
    """Numbers of up to `count` frames, a second one of a log only when every log gave one."""
    generator = np.random.default_rng(seed)
    rank, order = np.empty(len(footage.frames)), generator.random(len(footage.frames))
    for start, length in zip(footage.log_start, footage.log_length, strict=True):
        rank[start : start + length] = generator.permutation(length)
    return np.sort(np.lexsort((order, rank))[:count])


def conditions_part(conditions: Conditioning, part: slice) -> Conditioning:
    """Some samples of a batch of boxes, time of day and crowdedness."""
    boxes = conditions.boxes
    if boxes is not None:
        boxes = replace(boxes, xyxy=boxes.xyxy[part], category=boxes.category[part], known=boxes.known[part])
    labels = {name: getattr(conditions, name) for name in ("time_of_day", "crowdedness")}
    return Conditioning(boxes=boxes, **{name: v if v is None else v[part] for name, v in labels.items()})
