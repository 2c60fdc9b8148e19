"""The videos that are measured, each read a stretch at a time, so that an hour needs no more memory than a second."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from drivesim.data.drive_log import DriveLog
from drivesim.data.packed import stride_of
from drivesim.engine.first_frame.compose import fitted
from drivesim.errors import FootageError
from drivesim.geometry.camera import PinholeCamera
from drivesim.models.conditioning import UNKNOWN
from drivesim.scenario.schema.vocabulary import TIMES_OF_DAY

_READ_AT_A_TIME = 32


class FrameSequence(Protocol):
    """The frames of a video, of which only what is sliced is read: an array, a memory map, or a file behind them."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> np.ndarray:
        """Returns frames uint8 `t h w 3`."""
        ...


class LatentWindows(Protocol):
    """The latents of the keyframes of a video by window, of which only what is sliced is read."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> np.ndarray:
        """Returns latents float32 `window t c h w`."""
        ...


@dataclass(frozen=True, eq=False)
class Video:
    """A video that is measured.

    Attributes:
        scene: Name of the scene. All futures of a scene have the same.
        future: Number of the future; 0 for a recorded video.
        fps: Frames per second.
        frames: Its frames.
        time_of_day: Requested or labelled time of day: position in `TIMES_OF_DAY`, or `UNKNOWN`.
        camera: The camera that took the frames, in pixels of any size; None if it is unknown.
        latents: The latents that the frames were made of; None if they are not stored.
    """

    scene: str
    future: int
    fps: float
    frames: FrameSequence
    time_of_day: int = UNKNOWN
    camera: PinholeCamera | None = None
    latents: LatentWindows | None = None

    @property
    def name(self) -> str:
        """Scene and future, as they stand in reports."""
        return f"{self.scene}, future {self.future}"

    def parts(self, num_frames: int = _READ_AT_A_TIME, overlap: int = 0) -> Iterator[np.ndarray]:
        """Yields the frames in stretches of `num_frames`, of which the last may be shorter.

        Args:
            num_frames: Length of a stretch.
            overlap: Number of frames that a stretch repeats from the one before.
        """
        for start in range(0, max(1, len(self.frames) - overlap), num_frames - overlap):
            yield self.frames[start : start + num_frames]

    def clips(self, num_frames: int) -> Iterator[np.ndarray]:
        """Yields all whole clips of `num_frames` frames that follow one another."""
        for start in range(0, len(self.frames) - num_frames + 1, num_frames):
            yield self.frames[start : start + num_frames]


@dataclass(frozen=True, eq=False)
class LogFrames:
    """Frames of a drive log at a frame rate of its own or a lower one, cut and shrunk to one size.

    Attributes:
        log: The drive log.
        first: Number of the first frame in the log.
        stride: Number of frames of the log per frame.
        count: Number of frames.
        size: Height and width.
    """

    log: DriveLog
    first: int
    stride: int
    count: int
    size: tuple[int, int]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, part: slice, /) -> np.ndarray:
        numbers = range(self.count)[part]
        if not len(numbers):
            return np.zeros((0, *self.size, 3), np.uint8)
        start = self.first + self.stride * numbers[0]
        frames = self.log.read(start, self.first + self.stride * numbers[-1] + 1)
        return np.stack([fitted(frame, *self.size) for frame in frames[:: self.stride * numbers.step]])


def recorded_videos(
    starts: Iterable[tuple[Path, float]], num_frames: int, fps: float, size: tuple[int, int]
) -> list[Video]:
    """Returns the recorded videos of `num_frames` frames that begin at moments (log, seconds).

    Raises:
        FootageError: A log cannot be read, is too short, or has a frame rate that is no multiple of `fps`.
    """
    videos = []
    for path, time_s in starts:
        log = DriveLog.open(path)
        stride = stride_of(log.labels.fps, fps)
        if stride is None:
            raise FootageError(f"{path}: {log.labels.fps:g} frames per second are no multiple of {fps:g}")
        first = log.index_at(time_s)
        if first + stride * (num_frames - 1) >= log.num_frames:
            raise FootageError(f"{path}: fewer than {num_frames} frames at {fps:g} per second from {time_s:g} s on")
        frames = LogFrames(log, first, stride, num_frames, size)
        videos.append(Video(f"{path.name}@{time_s:g}", 0, fps, frames, time_of_day_of(log), camera_of(log, size)))
    return videos


def halves(moments: list[tuple[Path, float]], data: Path) -> tuple[list[tuple[Path, float]], list[tuple[Path, float]]]:
    """Returns the moments (log, seconds) of every second log, and those of the others.

    Raises:
        FootageError: There is only one log.
    """
    number = {path: place for place, path in enumerate(sorted({path for path, _ in moments}))}
    parts = tuple([moment for moment in moments if number[moment[0]] % 2 == half] for half in (1, 0))
    if not all(parts):
        raise FootageError(f"{data}: a distance needs recorded videos of two logs at least; give more footage")
    return parts[0], parts[1]


def time_of_day_of(log: DriveLog) -> int:
    """Returns the time of day of a log: position in `TIMES_OF_DAY`, or `UNKNOWN`."""
    label = log.labels.time_of_day
    return UNKNOWN if label is None else TIMES_OF_DAY.index(label)


def camera_of(log: DriveLog, size: tuple[int, int]) -> PinholeCamera | None:
    """Returns the camera of a log, for frames of this height and width; None if it is unknown or they are cut."""
    height, width = size
    return log.labels.pinhole if log.labels.width * height == log.labels.height * width else None


def identity(videos: Sequence[Video]) -> str:
    """Returns the sha256 over the names and pixels of videos."""
    digest = hashlib.sha256()
    for video in videos:
        digest.update(video.name.encode())
        for part in video.parts():
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
