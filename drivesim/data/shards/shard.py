"""A shard of packed footage: frames of some drive logs at one size, with their labels, in a folder that never changes.

    frames.npy    uint8 (n, h, w, 3), RGB, to be mapped into memory
    labels.npz    logs, ego motion, all labelled vehicles (`VehicleColumns`), and the roads in view (`RoadColumns`)
    shard.json    format, size, origin, sha256 of the two files and of itself

`shard_writer.ShardWriter` fills a shard inside a claimed folder; it appears under its name when it is complete.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.archive.sealed_json import canonical_json, unseal
from drivesim.data.columns import VehicleColumns, field_names
from drivesim.data.road_columns import RoadColumns
from drivesim.data.shards.npy_file import map_array
from drivesim.errors import FootageError
from drivesim.regular_files import read_regular, sha256_of

FORMAT = 3
"""Version of the format. Version 2 has no roads, headings and colours, and is read with these unknown. Version 1 was
one array per size without shards, and is ignored."""
_READABLE = (2, FORMAT)
FRAMES_FILE, LABELS_FILE, IDENTITY_FILE = "frames.npy", "labels.npz", "shard.json"
_CHANGED = "was changed after it was written (its sha256 does not match)"


class ShardDamagedError(FootageError):
    """A file of a shard is not what was written; the message names the shard, the file and the problem."""

    def __init__(self, message: str, shard: Path) -> None:
        super().__init__(message, shard)
        self.shard = shard

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class PackedLog:
    """A drive log that a shard was made from.

    Attributes:
        path: Path relative to the data folder, with "/" between folders.
        sha256: Digest of the log's content (`drive_log.content_digest`).
        problem: Why the log was left out; None if its frames are in the shard.
    """

    path: str
    sha256: str
    problem: str | None = None


@dataclass(frozen=True, eq=False)
class LogColumns:
    """The `l` logs of some footage, in the order of their frames.

    Attributes:
        name: Name, str `l`.
        length: Number of frames, int64 `l`.
        fps: Frame rate, float64 `l`.
        time_of_day: Position in `TIMES_OF_DAY`, or -1 if unknown, int8 `l`.
    """

    name: np.ndarray
    length: np.ndarray
    fps: np.ndarray
    time_of_day: np.ndarray


@dataclass(frozen=True, eq=False)
class Shard:
    """An open shard of `n` frames.

    Attributes:
        folder: Folder of the shard.
        frames: Frames, uint8 `n h w 3`, memory-mapped.
        frames_sha256: Digest of the file of frames.
        logs: The logs of the frames.
        vehicles: All labelled vehicles.
        roads: The road in view in each frame.
        ego_motion: Speed in m/s and yaw rate in rad/s, NaN if unknown, float32 `n 2`.
        sources: The drive logs that the shard was packed from; a recorded shard has none.
        recording: The settings of a recorded shard; None for a shard that was packed from logs.
    """

    folder: Path
    frames: np.ndarray
    frames_sha256: str
    logs: LogColumns
    vehicles: VehicleColumns
    roads: RoadColumns
    ego_motion: np.ndarray
    sources: tuple[PackedLog, ...]
    recording: dict[str, Any] | None

    def __len__(self) -> int:
        return len(self.ego_motion)

    @classmethod
    def open(cls, folder: Path, verify: bool = True) -> Shard:
        """Opens a shard.

        Args:
            folder: Folder of the shard.
            verify: Whether to compare every byte with the recorded sha256.

        Raises:
            ShardDamagedError: A file is not what was written; the error names shard and file.
            FootageError: The format is that of a later drivesim.
        """
        identity = read_identity(folder)
        labels_bytes = _read(folder / LABELS_FILE)
        if hashlib.sha256(labels_bytes).hexdigest() != identity["labels_sha256"]:
            raise _damaged(folder / LABELS_FILE, _CHANGED)
        if verify and sha256_of_file(folder / FRAMES_FILE) != identity["frames_sha256"]:
            raise _damaged(folder / FRAMES_FILE, _CHANGED)
        with np.load(io.BytesIO(labels_bytes), allow_pickle=False) as labels:
            logs = LogColumns(**{name: labels[f"log_{name}"] for name in field_names(LogColumns)})
            vehicles = VehicleColumns.of_arrays(_with_prefix(labels, "vehicle_"))
            ego_motion = labels["ego_motion"]
            roads = RoadColumns.unknown(len(ego_motion))
            if identity["format"] != 2:
                roads = RoadColumns(**_with_prefix(labels, "road_"))
        sources = tuple(PackedLog(**source) for source in identity["sources"])
        shape = (len(ego_motion), identity["height"], identity["width"], 3)
        frames = _mapped(folder / FRAMES_FILE, shape)
        return cls(
            folder, frames, identity["frames_sha256"], logs, vehicles, roads, ego_motion, sources, identity["recording"]
        )


def shard_names(folder: Path) -> list[str]:
    """Returns the sorted names of the shards in a folder of packed footage; incomplete shards have hidden names."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())


def read_identity(folder: Path) -> dict[str, Any]:
    """Reads `shard.json`.

    Raises:
        ShardDamagedError: The file is not what was written.
        FootageError: The format is that of a later drivesim.
    """
    path = folder / IDENTITY_FILE
    try:
        identity = unseal(_read(path))
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if identity.get("format") not in _READABLE:
        raise FootageError(
            f"{path}: this drivesim reads packed footage of versions 2 and {FORMAT}, the file says "
            f"{identity.get('format')!r}; use the drivesim that made it, or remove the folder to pack its logs again"
        )
    return identity


def source_paths(folder: Path) -> list[str] | None:
    """Returns the paths of the logs of a shard, even of a damaged one, or None if no file names them."""
    try:
        return [source["path"] for source in read_identity(folder)["sources"]]
    except FootageError:
        pass
    try:
        with np.load(folder / LABELS_FILE, allow_pickle=False) as labels:
            return [str(path) for path in labels["source_paths"]]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def sha256_of_file(path: Path) -> str:
    """Returns the hexadecimal digest of a file's content; raises ShardDamagedError if it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise _damaged(path, _unreadable(error)) from error


def recording_digest(recording: dict[str, Any]) -> str:
    """Returns eight hexadecimal digits that differ between recordings with different settings."""
    return hashlib.sha256(canonical_json(json.loads(json.dumps(recording)))).hexdigest()[:8]


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise _damaged(path, _unreadable(error)) from error


def _with_prefix(labels: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): labels[name] for name in labels if name.startswith(prefix)}


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        frames = map_array(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if frames.shape != shape or frames.dtype != np.uint8:
        raise _damaged(path, f"expected uint8 {shape}, it holds {frames.dtype} {frames.shape}")
    return frames


def _unreadable(error: OSError) -> str:
    return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"


def _damaged(path: Path, problem: str) -> ShardDamagedError:
    return ShardDamagedError(f"{path}: packed footage is damaged: the file {problem}", path.parent)
