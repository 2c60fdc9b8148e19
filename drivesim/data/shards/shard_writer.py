"""Writes a shard inside a claimed folder (`publishing.Claim`), from drive logs or straight from a renderer."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.archive.sealed_json import seal
from drivesim.data.columns import VehicleColumns, field_names
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.data.publishing import writing
from drivesim.data.road_columns import RoadColumns
from drivesim.data.shards.npy_file import NpyWriter
from drivesim.data.shards.shard import FORMAT, FRAMES_FILE, IDENTITY_FILE, LABELS_FILE, PackedLog, sha256_of_file
from drivesim.scenario.schema.vocabulary import TIMES_OF_DAY


class ShardWriter:
    """Fills a folder with a shard, frame by frame, so that little of it is in memory at a time.

        writer = ShardWriter(claim.start(), 128, 256)
        with writer.log("world_00000001", header) as add:
            add(frame, label)
        writer.finish(recording={...})

    Raises:
        FootageWriteError: The disk is full.
    """

    def __init__(self, folder: Path, height: int, width: int) -> None:
        self._folder, self._size = folder, (height, width)
        self._frames = NpyWriter(folder / FRAMES_FILE, np.uint8, (height, width, 3))
        self._logs: list[tuple[str, int, float, int]] = []
        self._vehicles: list[VehicleColumns] = []
        self._roads: list[RoadColumns] = []
        self._ego_motion: list[tuple[float, float]] = []

    @contextmanager
    def log(self, name: str, header: DriveLogLabels) -> Iterator[FrameSink]:
        """Yields a sink for the frames of one log; if the block raises an error, none of the frames stay.

        Args:
            name: Name of the log.
            header: Frame rate, time of day, and the size of the frames whose pixels are the unit of boxes.
        """
        begin, sink = len(self._ego_motion), FrameSink(self._frames)
        try:
            yield sink
        except BaseException:
            self._frames.cut(begin)
            raise
        labels = sink.labels
        known = -1 if header.time_of_day is None else TIMES_OF_DAY.index(header.time_of_day)
        self._logs.append((name, len(labels), header.fps, known))
        self._vehicles.append(VehicleColumns.of(labels, header.width, header.height))
        self._roads.append(RoadColumns.of(labels, header.width, header.height))
        self._ego_motion.extend(map(_ego_motion, labels))

    def finish(self, sources: Sequence[PackedLog] = (), recording: dict[str, Any] | None = None) -> None:
        """Writes labels and identity, after which the folder may be published."""
        self._frames.close()
        name, length, fps, time_of_day = zip(*self._logs, strict=True) if self._logs else ((), (), (), ())
        vehicles, roads = VehicleColumns.joined(self._vehicles), RoadColumns.joined(self._roads)
        labels = {
            "log_name": np.array(name, np.str_),
            "log_length": np.array(length, np.int64),
            "log_fps": np.array(fps, np.float64),
            "log_time_of_day": np.array(time_of_day, np.int8),
            "ego_motion": np.array(self._ego_motion, np.float32).reshape(-1, 2),
            "source_paths": np.array([source.path for source in sources], np.str_),
            **{f"vehicle_{name}": getattr(vehicles, name) for name in field_names(VehicleColumns)},
            **{f"road_{name}": getattr(roads, name) for name in field_names(RoadColumns)},
        }
        archive = io.BytesIO()
        np.savez(archive, **labels)
        height, width = self._size
        identity = {
            "format": FORMAT,
            "height": height,
            "width": width,
            "num_frames": len(self._ego_motion),
            "sources": [asdict(source) for source in sources],
            "recording": recording,
            "frames_sha256": sha256_of_file(self._folder / FRAMES_FILE),
            "labels_sha256": hashlib.sha256(archive.getvalue()).hexdigest(),
        }
        with writing(self._folder):
            (self._folder / LABELS_FILE).write_bytes(archive.getvalue())
            (self._folder / IDENTITY_FILE).write_bytes(seal(identity))


def _ego_motion(label: FrameLabel) -> tuple[float, float]:
    """Returns speed and yaw rate of a frame, both NaN if either is unknown, because models take them together."""
    if label.ego_speed_mps is None or label.ego_yaw_rate_radps is None:
        return math.nan, math.nan
    return label.ego_speed_mps, label.ego_yaw_rate_radps


class FrameSink:
    """Takes the frames of one log."""

    def __init__(self, file: NpyWriter) -> None:
        self._file = file
        self.labels: list[FrameLabel] = []

    def __call__(self, frame: np.ndarray, label: FrameLabel) -> None:
        """Adds a frame (h, w, 3) uint8 of the shard's size."""
        self._file.append(frame)
        self.labels.append(label)
