"""Decoding of videos with PyAV: one thread, one local file, known containers, limited sizes."""

from __future__ import annotations

import statistics
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from drivesim.data.ingest.media.files import open_regular
from drivesim.data.ingest.media.frames import SourceFrame, sampled
from drivesim.data.ingest.media.orientation import oriented, quarter_turns
from drivesim.data.ingest.recording import VideoFile
from drivesim.errors import FootageError

EXTENSIONS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".hevc", ".h265", ".h264", ".264", ".265")
MAX_PIXELS = 64_000_000
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,hevc,h264"
_BARE = ("hevc", "h264")
"""Containers without times."""
_PROBED_PACKETS = 600
_HD_ROWS = 720
_UNSPECIFIED = 2
"""Code of an unspecified colour space (ISO/IEC 23091-2)."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Opens a video and yields its container and video stream; a playlist that names other files is refused.

    Raises:
        FootageError: The file is not regular, has no known container or no video, or its frames are too large.
    """
    try:
        with (
            open_regular(path) as file,
            av.open(file, "r", container_options={"format_whitelist": _CONTAINERS}) as container,
        ):
            streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            if not streams:
                raise FootageError(f"{path}: there is no video in it")
            stream = streams[0]
            if stream.codec_context is None:
                raise FootageError(f"{path}: no decoder for its video")
            _require_size(path, stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.thread_count = 1
            yield container, stream
    except FootageError:
        raise
    except (av.FFmpegError, OSError, ValueError, OverflowError) as error:
        raise FootageError(f"{path}: cannot decode the video: {_in_words(error)}") from error


def frame_rate(media: VideoFile) -> float | None:
    """Returns the frame rate of a video from the times of its packets, or None if it has fewer than two frames.

    Raises:
        FootageError: As `opened`.
    """
    if media.frame_times_s is not None:
        return _rate(sorted(media.frame_times_s))
    with opened(media.path) as (container, stream):
        if container.format.name in _BARE:
            return _bare_rate(media)
        time_base = stream.time_base
        assert time_base is not None, "a demuxer gives each stream a time base"
        packets = islice(container.demux(stream), _PROBED_PACKETS)
        return _rate(sorted({float(p.pts * time_base) for p in packets if p.pts is not None}))


def decoded(media: VideoFile) -> Generator[SourceFrame, None, None]:
    """Yields the frames of a video in the order of their times; broken frames are left out, but counted.

    If a file breaks off after its first frame, decoding ends there without an error.

    Raises:
        FootageError: As `opened`, or no frame can be decoded, or a table of times does not fit.
    """
    times, number, good = media.frame_times_s, -1, 0
    with opened(media.path) as (container, stream):
        aspect = stream.sample_aspect_ratio
        bare = _bare_rate(media) if container.format.name in _BARE and times is None else None
        start: Fraction | None = None
        last: int | None = None
        for number, frame in enumerate(_frames(media.path, container, stream)):
            if frame is None or frame.is_corrupt:
                continue
            if times is not None:
                if number >= len(times):
                    break
                time_s = times[number]
            elif bare is not None:
                time_s = number / bare
            elif (last := _stamp(frame, last, container.format.name)) is None:
                continue
            else:
                time = last * frame.time_base
                start = time if start is None else start
                time_s = float(time - start)
            good += 1
            yield _source_frame(media.path, number, time_s, frame, aspect)
    if not good:
        raise FootageError(f"{media.path}: not one frame of it can be decoded")
    if times is not None and number + 1 > len(times):
        raise FootageError(f"{media.path}: has more frames than the {len(times)} times that its table gives")


def _frames(path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[Any]:
    """Yields decoded frames, and None for a packet that cannot be decoded."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.EOFError):
            return
        except av.FFmpegError:
            return  # the container breaks off here
        try:
            frames = packet.decode()
        except av.FFmpegError:
            yield None
            continue
        for frame in frames:
            _require_size(path, frame.width, frame.height)
            yield frame


def _stamp(frame: av.VideoFrame, last: int | None, container: str) -> int | None:
    """Returns the time of a frame in units of its time base, after the frame at `last`; None if it is unknown.

    AVI has the order of decoding alone, one unit per frame, and what FFmpeg makes of it jumps where frames are encoded
    out of order. Its last frames come without a packet, and therefore without a time.
    """
    if container != "avi":
        return frame.pts
    if frame.dts is None:
        return None if last is None else last + 1
    return frame.dts


def _source_frame(path: Path, number: int, time_s: float, frame: av.VideoFrame, aspect: Fraction | None) -> SourceFrame:
    return SourceFrame(number, time_s, _brightness(frame), cache(lambda: _pixels(path, frame, aspect)))


def _brightness(frame: av.VideoFrame) -> np.ndarray:
    """Returns a sample of the luma, directly from the first plane if that is the luma plane."""
    plane = frame.planes[0]
    if frame.format.name.startswith(("yuv4", "yuvj4", "nv12", "gray")) and plane.line_size >= plane.width:
        depth = frame.format.components[0].bits
        if depth == 8:
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
                : plane.height, : plane.width
            ]
            return sampled(rows)
    return sampled(frame.to_ndarray(format="gray"))


def _pixels(path: Path, frame: av.VideoFrame, aspect: Fraction | None) -> np.ndarray:
    try:
        # If the colour space is unspecified, players assume BT.601 below HD, and BT.709 for HD and above.
        unspecified = int(frame.colorspace) == _UNSPECIFIED
        colours = "ITU709" if unspecified and frame.height >= _HD_ROWS else None
        rgb = frame.reformat(format="rgb24", src_colorspace=colours, threads=1).to_ndarray()
    except (av.FFmpegError, ValueError) as error:
        raise FootageError(f"{path}: cannot convert a frame: {_in_words(error)}") from error
    turns = quarter_turns(frame)
    return _square_pixels(oriented(rgb, turns), aspect, sideways=turns.turns % 2 == 1)


def _square_pixels(rgb: np.ndarray, aspect: Fraction | None, sideways: bool) -> np.ndarray:
    """Enlarges a frame in width or in height so that its pixels become square."""
    if not aspect or aspect == 1 or not Fraction(1, 4) <= aspect <= 4:
        return rgb
    ratio = float(1 / aspect if sideways else aspect)
    rows, columns = rgb.shape[:2]
    size = (round(columns * ratio), rows) if ratio > 1 else (columns, round(rows / ratio))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)


def _bare_rate(media: VideoFile) -> float:
    if media.fps is None:
        raise FootageError(f"{media.path}: a bare stream does not say its frame rate; give it with --source-fps")
    return media.fps


def _rate(times_s: list[float]) -> float | None:
    gaps = [b - a for a, b in pairwise(times_s) if b > a]
    return 1 / statistics.median(gaps) if gaps else None


def _require_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise FootageError(f"{path}: frames of {width}×{height} pixels; at most {MAX_PIXELS:,} pixels are read")


def _in_words(error: Exception) -> str:
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(words.split())[:200]
