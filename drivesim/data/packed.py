"""Packed footage: the frames of many drive logs at one size in one memory-mapped array, their labels in columns.

    footage = pack(find_drive_logs("logs"), Path("logs/.packed/128x256"), 128, 256)

Stages train on this, so that no video is decoded twice. The order is that of the logs' names.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from drivesim.data.drive_log import DriveLog
from drivesim.data.drive_log_labels import FrameLabel, VehicleLabel
from drivesim.errors import FootageError
from drivesim.scenario.vocabulary import (
    CATEGORIES,
    MIN_BOX_SIDE,
    MIN_VISIBLE_FRACTION,
    MIN_VISIBLE_FRACTION_AT_EDGE,
    TIMES_OF_DAY,
)

MAX_BOXES = 24
MIN_COUNTED_SIDE = 12 / 1024


@dataclass(frozen=True)
class FrameColumns:
    """Labels of all frames. `n` frames, `k` = MAX_BOXES; -1 is unknown or padding.

    boxes: (n, k, 4) x0 y0 x1 y1 in 0..1, nearest first, only those large and visible enough to ask for.
    category: (n, k). time_of_day: (n,). crowdedness: (n,) vehicles in view. ego_motion: (n, 2) m/s, rad/s.
    """

    boxes: np.ndarray
    category: np.ndarray
    time_of_day: np.ndarray
    crowdedness: np.ndarray
    ego_motion: np.ndarray


@dataclass(frozen=True)
class PackedFootage:
    """`frames` (n, h, w, 3) uint8 RGB, memory-mapped; log i holds `log_length[i]` of them from `log_start[i]` on."""

    folder: Path
    frames: np.ndarray
    columns: FrameColumns
    log_names: np.ndarray
    log_start: np.ndarray
    log_length: np.ndarray
    log_fps: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> PackedFootage:
        """Opens what `pack` wrote; raises FootageError where there is nothing."""
        if not (folder / "frames.npy").is_file():
            raise FootageError(f"{folder}: no packed footage here")
        with np.load(folder / "labels.npz", allow_pickle=False) as labels:
            columns = FrameColumns(**{field.name: labels[field.name] for field in fields(FrameColumns)})
            logs = {name: labels[name] for name in ("log_names", "log_start", "log_length", "log_fps")}
        return cls(folder, np.load(folder / "frames.npy", mmap_mode="r"), columns, **logs)

    def clip_starts(self, fps: float, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Every place where `num_frames` frames at `fps` fit: first frames and strides; other logs are left out."""
        starts, strides = [], []
        for start, length, log_fps in zip(self.log_start, self.log_length, self.log_fps, strict=True):
            stride = round(float(log_fps) / fps)
            if stride < 1 or abs(log_fps / stride - fps) > 0.05 * fps:
                continue
            places = np.arange(start, start + length - stride * (num_frames - 1))
            starts.append(places)
            strides.append(np.full(len(places), stride))
        if not starts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(starts).astype(np.int64), np.concatenate(strides).astype(np.int64)


def pack(
    logs: Sequence[Path], folder: Path, height: int, width: int, on_log: Callable[[int], None] = lambda done: None
) -> PackedFootage:
    """Packs drive logs, or opens what is there if it was made of the same logs at the same size.

    Raises FootageError for an empty list and for a log that cannot be read.
    """
    if not logs:
        raise FootageError("no drive logs to pack; make some with `drivesim record`")
    identity = _identity(logs, height, width)
    if (folder / "identity").is_file() and (folder / "identity").read_text() == identity:
        return PackedFootage.open(folder)
    opened = [DriveLog.open(path) for path in logs]
    lengths = np.array([log.num_frames for log in opened])
    starts = np.concatenate([[0], lengths.cumsum()[:-1]])
    temporary = folder.with_name(folder.name + ".partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    frames = np.lib.format.open_memmap(
        temporary / "frames.npy", "w+", np.uint8, (int(lengths.sum()), height, width, 3)
    )
    columns = _empty_columns(int(lengths.sum()))
    for done, (log, start) in enumerate(zip(opened, starts, strict=True), 1):
        for offset, frame in enumerate(log.read(0, log.num_frames)):
            if frame.shape[:2] != (height, width):
                how = cv2.INTER_AREA if len(frame) > height else cv2.INTER_CUBIC
                frame = cv2.resize(frame, (width, height), interpolation=how)
            frames[start + offset] = frame
            _fill(columns, start + offset, log, log.labels.frames[offset])
        on_log(done)
    frames.flush()
    np.savez(
        temporary / "labels.npz",
        log_names=np.array([log.name for log in opened]),
        log_start=starts,
        log_length=lengths,
        log_fps=np.array([log.labels.fps for log in opened]),
        **{field.name: getattr(columns, field.name) for field in fields(FrameColumns)},
    )
    (temporary / "identity").write_text(identity)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(temporary, folder)
    return PackedFootage.open(folder)


def _identity(logs: Sequence[Path], height: int, width: int) -> str:
    visible = [MIN_VISIBLE_FRACTION, MIN_VISIBLE_FRACTION_AT_EDGE]
    rules = [height, width, MAX_BOXES, MIN_BOX_SIDE, MIN_COUNTED_SIDE, *visible]
    return hashlib.sha256(json.dumps([rules, [path.name for path in logs]]).encode()).hexdigest()


def _empty_columns(n: int) -> FrameColumns:
    return FrameColumns(
        boxes=np.zeros((n, MAX_BOXES, 4), np.float32),
        category=np.full((n, MAX_BOXES), -1, np.int8),
        time_of_day=np.full(n, -1, np.int8),
        crowdedness=np.zeros(n, np.int16),
        ego_motion=np.zeros((n, 2), np.float32),
    )


def _fill(columns: FrameColumns, index: int, log: DriveLog, label: FrameLabel) -> None:
    scale = np.array([log.labels.width, log.labels.height] * 2, np.float32)
    seen = [vehicle for vehicle in label.vehicles if in_view(vehicle, log.labels.width)]
    boxes = [np.asarray(vehicle.box, np.float32) / scale for vehicle in seen]
    sides = [max(box[2] - box[0], (box[3] - box[1]) / 2) for box in boxes]
    asked = sorted((i for i, side in enumerate(sides) if side >= MIN_BOX_SIDE), key=lambda i: seen[i].distance_m)
    for slot, i in enumerate(asked[:MAX_BOXES]):
        columns.boxes[index, slot] = boxes[i]
        columns.category[index, slot] = CATEGORIES.index(seen[i].category)
    if log.labels.time_of_day is not None:
        columns.time_of_day[index] = TIMES_OF_DAY.index(log.labels.time_of_day)
    columns.crowdedness[index] = sum(side >= MIN_COUNTED_SIDE for side in sides)
    columns.ego_motion[index] = label.ego_speed_mps, label.ego_yaw_rate_radps


def in_view(vehicle: VehicleLabel, width: int) -> bool:
    """Enough of it is seen; of one that the frame cuts off, whose hidden part lies outside, less will do."""
    cut_off = vehicle.box[0] <= 1 or vehicle.box[2] >= width - 1
    return vehicle.visible_fraction >= (MIN_VISIBLE_FRACTION_AT_EDGE if cut_off else MIN_VISIBLE_FRACTION)
