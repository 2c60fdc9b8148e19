"""Conversion of one recording into drive logs, in the calling process: decode, crop, label, write."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from drivesim.data.drive_log import PART_MARK
from drivesim.data.ingest.conversion.growing_log import ExistingLog, GrowingLog, LogMade
from drivesim.data.ingest.conversion.tools import Tools
from drivesim.data.ingest.media import pictures, video
from drivesim.data.ingest.media.frames import SourceFrame
from drivesim.data.ingest.recording import ParquetPictures, PictureFiles, Recording, VideoFile
from drivesim.data.ingest.repeats import rate_of_new_frames
from drivesim.data.ingest.timeline import FrameCounts, Timeline, log_rate
from drivesim.errors import FootageError

STILLS_FPS = 0.25
STILLS_PER_LOG = 64
MIN_FRAMES = 2
"""Drive logs with fewer frames are left out, unless they consist of stills."""


@dataclass(frozen=True)
class Decoding:
    """Progress: the number of frames of the recording that have been used so far."""

    frames: int


@dataclass(frozen=True)
class Converted:
    """A finished recording; `problems` are sentences that describe what was left out of it."""

    counts: FrameCounts
    problems: tuple[str, ...]


Event = Decoding | LogMade | Converted


def convert(recording: Recording, out: Path, tools: Tools) -> Iterator[Event]:
    """Makes the drive logs of a recording in the folder `out`, except those that exist already.

    Raises:
        FootageError: The recording cannot be used; the logs that are already complete stay.
        FootageWriteError: The disk is full or cannot be written to.
    """
    media, problems = recording.media, list(recording.notes)
    stills = isinstance(media, PictureFiles) and media.stills
    fps = STILLS_FPS if stills else _log_fps(media, tools.settings.fps)
    per_log = STILLS_PER_LOG if stills else max(MIN_FRAMES, round(tools.settings.seconds_per_log * fps))
    timeline = Timeline(fps, per_log)
    source_start_s, number, log = None, -1, None
    try:
        for used in timeline.used(_decoded(media, problems)):
            if used is None:
                yield Decoding(timeline.counts.used)
                continue
            frame = used.frame
            source_start_s = frame.time_s if source_start_s is None else source_start_s
            if log is None or used.starts_log or not log.fits(frame):
                if log is not None:
                    yield from log.finished(timeline.counts)
                number += 1
                folder = out / f"{recording.name}{PART_MARK}{number:03d}"
                log = (ExistingLog if folder.exists() else GrowingLog)(
                    folder, recording, tools, fps, frame.time_s - source_start_s, 1 if stills else MIN_FRAMES
                )
            log.add(frame)
            yield Decoding(timeline.counts.used)
        if log is not None:
            yield from log.finished(timeline.counts)
    except BaseException:
        if log is not None:
            log.abandon()
        raise
    yield Converted(timeline.counts, tuple(problems))


def _log_fps(media: VideoFile | PictureFiles | ParquetPictures, wanted: float) -> float:
    """Returns the frame rate of the drive logs of a source, whose frames may be repeated regularly."""
    if isinstance(media, VideoFile):
        source = video.frame_rate(media)
    else:
        times = sorted(set(media.times_s))
        gaps = [b - a for a, b in itertools.pairwise(times)]
        source = 1 / statistics.median(gaps) if gaps else None
    if source is None:
        raise FootageError("has fewer than two frames with times")
    with closing(_decoded(media, [])) as frames:
        source = min(source, rate_of_new_frames(frames) or source)
    rate = log_rate(source, wanted)
    if rate is None:
        raise FootageError(f"has {source:.3g} frames per second; expected at least a sixteenth of {wanted:g}")
    return rate


def _decoded(
    media: VideoFile | PictureFiles | ParquetPictures, problems: list[str]
) -> Generator[SourceFrame, None, None]:
    if isinstance(media, VideoFile):
        return video.decoded(media)
    if isinstance(media, ParquetPictures):
        return pictures.decoded_rows(media, problems.append)
    if media.stills:
        apart = tuple(index / STILLS_FPS for index in range(len(media.paths)))
        media = replace(media, times_s=apart)
    return pictures.decoded_files(media, problems.append)
