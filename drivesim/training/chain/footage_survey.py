"""Finds out what footage a data folder holds for a stage, without packing or decoding anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from drivesim.archive.sealed_json import canonical_json
from drivesim.data.clips import clips_in_words
from drivesim.data.columns import NOT_LABELLED
from drivesim.data.drive_log import DriveLog, content_digest, list_drive_logs, split_of
from drivesim.data.packed import packed_folder, stride_of
from drivesim.data.shards.shard import Shard, read_identity, shard_names
from drivesim.errors import FootageError
from drivesim.models.stages import LAYOUTS, VEHICLE_DETECTOR
from drivesim.training.preparation.footage import frame_size, packable_logs
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.settings import wanted_clips
from drivesim.training.stages.stage import ClipKind

Split = Literal["train", "held_out"]
_SPLITS: dict[Split, str] = {"train": "training", "held_out": "held-out"}


@dataclass(frozen=True)
class LogSpan:
    """What is known of one drive log.

    Attributes:
        name: Name, which decides the split.
        fps: Frames per second.
        num_frames: Number of frames.
        num_labelled: Number of frames that were searched for vehicles.
    """

    name: str
    fps: float
    num_frames: int
    num_labelled: int

    def num_clips(self, fps: float | None, num_frames: int) -> int:
        """Returns at how many places of the log such a clip begins; `fps` None stands for single frames."""
        if fps is None:
            return self.num_frames
        stride = stride_of(self.fps, fps)
        return 0 if stride is None else max(0, self.num_frames - stride * (num_frames - 1))


@dataclass(frozen=True)
class SizedLogs:
    """The logs that are available at one frame size.

    Attributes:
        logs: The logs.
        num_unpacked: How many of them are drive logs that are still to be packed.
    """

    logs: tuple[LogSpan, ...]
    num_unpacked: int


@dataclass(frozen=True)
class FootageSurvey:
    """What a stage can be trained on, and what it wants.

    Attributes:
        size: Height and width of its frames.
        found: The logs that are available at that size.
        wanted: The kinds of clips that it wants.
        held_out: Names of the recordings that are kept out of training.
        needs_labels: Whether only frames whose vehicles are labelled are of use to it.
        splits: The splits that it wants clips of.
    """

    size: tuple[int, int]
    found: SizedLogs
    wanted: tuple[ClipKind, ...]
    held_out: frozenset[str] = frozenset()
    needs_labels: bool = False
    splits: tuple[Split, ...] = ("train", "held_out")

    @property
    def num_frames(self) -> int:
        """The number of frames that are available."""
        return sum(log.num_frames for log in self.found.logs)

    def missing(self) -> list[str]:
        """Returns, in words, each kind of clip that the stage wants and that is not there, by split."""
        labelled = "labelled " if self.needs_labels else ""
        return [
            f"{_SPLITS[split]} {labelled}{clips_in_words(*kind)} at {self.size[0]}x{self.size[1]}"
            for kind in self.wanted
            for split in self.splits
            if not self._has_clips(split, kind)
        ]

    def available(self) -> tuple[ClipKind, ...]:
        """Returns the kinds of clips that the stage wants and that are there, in every split that it wants."""
        return tuple(kind for kind in self.wanted if all(self._has_clips(split, kind) for split in self.splits))

    def in_words(self) -> str:
        """Returns what is available, on one line."""
        found = self.found
        unpacked = f", {found.num_unpacked:,} of them to be packed" if found.num_unpacked else ""
        return f"{self.num_frames:,} frames of {len(found.logs):,} logs at {self.size[0]}x{self.size[1]}{unpacked}"

    def _has_clips(self, split: Split, kind: ClipKind) -> bool:
        logs = [log for log in self.found.logs if split_of(log.name, self.held_out) == split]
        return any(log.num_labelled if self.needs_labels else log.num_clips(*kind) for log in logs)


def survey(request: StageRequest, known: dict[tuple[int, int], SizedLogs] | None = None) -> FootageSurvey:
    """Looks at packed footage of the stage's size, and at drive logs that are not packed at it.

    Damaged shards and logs are left out: packing names them.

    Args:
        request: The stage.
        known: Keeps what was found at each size, for further stages.
    """
    known, size = {} if known is None else known, frame_size(request)
    if size not in known:
        known[size] = _logs_at(request, *size)
    splits: tuple[Split, ...] = ("train",) if request.role == LAYOUTS else ("train", "held_out")
    needs_labels = request.role in (VEHICLE_DETECTOR, LAYOUTS)
    return FootageSurvey(size, known[size], wanted_clips(request), request.held_out, needs_labels, splits)


def _logs_at(request: StageRequest, height: int, width: int) -> SizedLogs:
    spans: list[LogSpan] = []
    packed: set[str] = set()
    for shard in _shards(packed_folder(request.data, height, width)):
        ends = shard.logs.length.cumsum()
        labelled = np.add.accumulate(np.concatenate([[0], shard.vehicles.count != NOT_LABELLED]))
        searched = labelled[ends] - labelled[ends - shard.logs.length]
        columns = zip(shard.logs.name, shard.logs.fps, shard.logs.length, searched, strict=True)
        spans.extend(LogSpan(str(name), float(fps), int(length), int(number)) for name, fps, length, number in columns)
        packed.update(source.path for source in shard.sources)
    new = [log for log in packable_logs(request) if log.relative_to(request.data).as_posix() not in packed]
    for path in new:
        with suppress(FootageError):
            log = DriveLog.open(path)
            searched = sum(frame.vehicles is not None for frame in log.labels.frames)
            spans.append(LogSpan(log.name, log.labels.fps, log.num_frames, searched))
    return SizedLogs(tuple(spans), len(new))


def footage_parts(data: Path) -> dict[str, str]:
    """Returns the sha256 of every drive log and of every directly recorded shard, by its path in the data folder.

    Packing changes nothing in it, and neither does a move of the folder.
    """
    parts = {path.relative_to(data).as_posix(): content_digest(path) for path in list_drive_logs(data)}
    packed = data / ".packed"
    for folder in sorted(packed.iterdir()) if packed.is_dir() else []:
        for name in shard_names(folder):
            with suppress(FootageError):
                identity = read_identity(folder / name)
                if not any(source["path"] in parts for source in identity["sources"]):
                    parts[f"{folder.name}/{name}"] = identity["frames_sha256"]
    return parts


def footage_digest(parts: dict[str, str]) -> str:
    """Returns one sha256 for all parts of some footage."""
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def _shards(folder: Path) -> Iterator[Shard]:
    for name in shard_names(folder):
        with suppress(FootageError):
            yield Shard.open(folder / name, verify=False)
