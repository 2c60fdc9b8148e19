"""Drive logs: a folder with `video.mp4` (h264, one key frame per second) and `labels.json`.

    with DriveLogWriter(folder, header) as writer:
        writer.write(frame, FrameLabel(...))
    log = DriveLog.open(folder)
    frames = log.read(10, 18)

A log appears under its name only when it is complete: the writer works in a hidden folder beside it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Literal, Self

import numpy as np

from drivesim.data.drive_log_labels import LABELS_FILE, DriveLogLabels, FrameLabel, read_labels, write_labels
from drivesim.data.publishing import Claim, writing
from drivesim.errors import FootageError
from drivesim.regular_files import sha256_of

VIDEO_FILE = "video.mp4"

_FULL_COLOUR_BELOW_ROWS = 400
"""Frames with fewer rows keep colour at full resolution, because halving it there visibly costs 8 dB."""
_HELD_OUT_PERCENT = 5


@dataclass(frozen=True)
class DriveLog:
    """A drive log on disk, with random access to its frames."""

    folder: Path
    labels: DriveLogLabels

    @classmethod
    def open(cls, folder: Path | str) -> DriveLog:
        """Opens a drive log.

        Raises:
            FootageError: Its labels or its video are missing or wrong.
        """
        folder = Path(folder)
        labels = read_labels(folder)
        if not (folder / VIDEO_FILE).is_file():
            raise FootageError(f"{folder / VIDEO_FILE}: the drive log has labels but no video")
        return cls(folder, labels)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def num_frames(self) -> int:
        return len(self.labels.frames)

    def index_at(self, time_s: float) -> int:
        """Returns the frame nearest to a time.

        Raises:
            FootageError: The time lies more than half a frame outside the log.
        """
        times = np.array([frame.time_s for frame in self.labels.frames])
        tolerance = 0.5 / self.labels.fps + 1e-6
        if not len(times) or not times[0] - tolerance <= time_s <= times[-1] + tolerance:
            span = f"{times[0]:.2f} s to {times[-1]:.2f} s" if len(times) else "no frames"
            raise FootageError(f"{self.folder}: asked for the frame at {time_s:.2f} s; the log has {span}")
        return int(np.abs(times - time_s).argmin())

    def read(self, start: int, stop: int) -> np.ndarray:
        """Reads frames `start` to `stop - 1`: uint8 `t h w c`, RGB; decodes only from the key frame before `start` on.

        Raises:
            FootageError: The log has no such frames, or its video ends early.
        """
        if not 0 <= start < stop <= self.num_frames:
            raise FootageError(f"{self.folder}: asked for frames {start}:{stop}; the log has {self.num_frames}")
        frames = np.empty((stop - start, self.labels.height, self.labels.width, 3), np.uint8)
        expected = start
        for index, image in self._decode_from(start):
            if index >= stop:
                break
            if index != expected or image.shape != frames.shape[1:]:
                raise FootageError(
                    f"{self.folder / VIDEO_FILE}: expected frame {expected} of shape {frames.shape[1:]}, "
                    f"got frame {index} of shape {image.shape}; record or ingest the log again"
                )
            frames[index - start] = image
            expected += 1
        if expected != stop:
            raise FootageError(f"{self.folder / VIDEO_FILE}: the video ends at frame {expected}, expected {stop}")
        return frames

    def stream(self) -> Iterator[np.ndarray]:
        """Yields all frames one by one: uint8 `h w c`, RGB.

        Raises:
            FootageError: The video cannot be decoded, or it does not have as many frames as the labels.
        """
        expected, shape = 0, (self.labels.height, self.labels.width, 3)
        for index, image in self._decode_from(0):
            if index != expected or image.shape != shape or expected == self.num_frames:
                raise FootageError(
                    f"{self.folder / VIDEO_FILE}: expected {self.num_frames} frames of shape {shape}, "
                    f"got frame {index} of shape {image.shape} in place of frame {expected}"
                )
            yield image
            expected += 1
        if expected != self.num_frames or not expected:
            raise FootageError(f"{self.folder / VIDEO_FILE}: the video ends at frame {expected}, of {self.num_frames}")

    def _decode_from(self, start: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yields decoded frames from `start` on, with their numbers."""
        path = self.folder / VIDEO_FILE
        try:
            with _av().open(str(path)) as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                seconds_per_tick, fps = stream.time_base, Fraction(self.labels.fps).limit_denominator(100_000)
                container.seek(int(start / fps / seconds_per_tick), stream=stream, backward=True)
                for frame in container.decode(stream):
                    if frame.pts is None:
                        raise FootageError(f"{path}: a frame of the video carries no time")
                    index = round(frame.pts * seconds_per_tick * fps)
                    if index >= start:
                        yield index, frame.to_ndarray(format="rgb24")
        except (_av().FFmpegError, IndexError) as error:
            raise FootageError(f"{path}: cannot decode the video: {error}") from error


class DriveLogWriter:
    """A context manager that writes a drive log frame by frame; the log gets its name only when it is complete.

    Args:
        folder: Folder of the log.
        header: Its labels without frames.
        crf: Constant rate factor of the video; a lower number means better quality and a larger file.

    Raises:
        FootageError: The log already exists, or a frame is not uint8 `height width 3`.
        LockHeldError: Another process is writing this log.
        FootageWriteError: The log cannot be written, for instance because the disk is full.
    """

    def __init__(self, folder: Path | str, header: DriveLogLabels, crf: int = 14) -> None:
        self.folder = Path(folder)
        self._header, self._crf = header, crf
        self._labels: list[FrameLabel] = []

    def __enter__(self) -> Self:
        self._claim = Claim.acquire(self.folder)
        try:
            if self.folder.exists():
                raise FootageError(f"{self.folder}: exists already; remove it or write the drive log elsewhere")
            self._partial = self._claim.start()
            with _writing_video(self.folder):
                self._open_video()
        except BaseException:
            self._claim.release()
            raise
        return self

    def _open_video(self) -> None:
        header = self._header
        rate = Fraction(header.fps).limit_denominator(100_000)
        self._container = _av().open(str(self._partial / VIDEO_FILE), "w", options={"movflags": "faststart"})
        self._stream = self._container.add_stream("libx264", rate=rate)
        self._stream.width, self._stream.height = header.width, header.height
        self._stream.pix_fmt = "yuv444p" if header.height < _FULL_COLOUR_BELOW_ROWS else "yuv420p"
        self._stream.codec_context.gop_size = max(1, round(header.fps))
        self._stream.codec_context.max_b_frames = 0
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.time_base = 1 / rate
        self._stream.options = {"crf": str(self._crf), "preset": "ultrafast"}

    def write(self, frame: np.ndarray, label: FrameLabel) -> None:
        """Appends one frame, uint8 `h w c` RGB."""
        expected = (self._header.height, self._header.width, 3)
        if frame.shape != expected or frame.dtype != np.uint8:
            raise FootageError(f"{self.folder}: expected a uint8 frame {expected}, got {frame.dtype} {frame.shape}")
        picture = _av().VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts, picture.time_base = len(self._labels), self._stream.codec_context.time_base
        with _writing_video(self.folder):
            self._container.mux(self._stream.encode(picture))
        self._labels.append(label)

    def relabel(self, header: DriveLogLabels, labels: Sequence[FrameLabel]) -> None:
        """Replaces header and labels of the frames written so far: some are known only after all frames were seen.

        Args:
            header: The new header, of the same size and frame rate.
            labels: The new labels, one per frame.
        """
        if len(labels) != len(self._labels):
            raise ValueError(f"expected labels of {len(self._labels)} frames, got {len(labels)}")
        self._header, self._labels = header, list(labels)

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> Literal[False]:
        with self._claim:
            if error_type is not None:
                with suppress(_av().FFmpegError, OSError):
                    self._container.close()
                return False
            with _writing_video(self.folder):
                try:
                    self._container.mux(self._stream.encode(None))
                finally:
                    self._container.close()
                write_labels(self._header.with_frames(tuple(self._labels)), self._partial)
            self._claim.publish()
        return False


def _av() -> ModuleType:
    """Imports PyAV only where a video is read or written, because training on packed footage does not need it."""
    import av

    return av


@contextmanager
def _writing_video(folder: Path) -> Iterator[None]:
    """Like `writing`, but also for errors of the video library."""
    with writing(folder):
        try:
            yield
        except _av().FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def content_digest(folder: Path) -> str:
    """Returns the sha256 of the files of a drive log, even of a broken one, so that a replaced log is noticed."""
    digest = hashlib.sha256()
    for name in (LABELS_FILE, VIDEO_FILE):
        try:
            digest.update(bytes.fromhex(sha256_of(folder / name)))
        except OSError:
            digest.update(b"missing")
    return digest.hexdigest()


def find_drive_logs(root: Path | str) -> list[Path]:
    """Returns the folders of all complete drive logs at or under `root`, sorted; hidden folders are left out.

    Raises:
        FootageError: There are none.
    """
    found = list_drive_logs(root)
    if not found:
        raise FootageError(f"{root}: no drive logs here (folders with {VIDEO_FILE} and {LABELS_FILE})")
    return found


def list_drive_logs(root: Path | str) -> list[Path]:
    """Returns the same as `find_drive_logs`, but there may be none."""
    root = Path(root)
    return sorted(_walk(root)) if root.is_dir() else []


def _walk(folder: Path) -> Iterator[Path]:
    if (folder / LABELS_FILE).is_file():
        yield folder
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("."):
                yield from _walk(Path(entry.path))


PART_MARK = "~"
"""Stands between the name of a recording and the number of a drive log that is a part of it."""
HELD_OUT_MARK = "held_out_"
"""Begins the name of a recording that the user keeps out of training."""


def recording_of(name: str) -> str:
    """Returns the name of the recording that a drive log is a part of, from the name of the log."""
    return name.partition(PART_MARK)[0].removeprefix(HELD_OUT_MARK)


def split_of(name: str, held_out: Collection[str] = ()) -> Literal["train", "held_out"]:
    """Returns the split of a drive log, which depends on its name alone, so that it never changes.

    All parts of a recording are in the same split, because neighbouring frames are alike.

    Args:
        name: Name of the log.
        held_out: Names of the recordings that the user holds out. If there are any, no others are held out, except for
            those that were ingested with `HELD_OUT_MARK`.
    """
    if name.startswith(HELD_OUT_MARK):
        return "held_out"
    if held_out:
        return "held_out" if recording_of(name) in held_out else "train"
    digest = hashlib.sha256(name.partition(PART_MARK)[0].encode()).digest()
    return "held_out" if int.from_bytes(digest[:4], "big") % 100 < _HELD_OUT_PERCENT else "train"
