"""Plain videos: one file, or all files under a folder; a table beside a video may give the ego motion.

The table of `drive.mp4` is `drive.csv` or `drive.json`, with one row per frame or per measurement (`motion_table.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivesim.data.ingest.formats.motion_table import MotionTable, Steering, read_motion_table
from drivesim.data.ingest.media.video import EXTENSIONS
from drivesim.data.ingest.recording import Recording, Rejected, VideoFile
from drivesim.errors import FootageError

_TABLES = (".csv", ".json")


@dataclass(frozen=True)
class VideoOptions:
    """Options of reading videos.

    Attributes:
        source_fps: Frame rate of bare streams, which do not contain it.
        steering: Steering of the vehicle, for tables of speed and steering wheel angle.
        tables: Whether to read tables beside the videos.
    """

    source_fps: float | None = None
    steering: Steering | None = None
    tables: bool = True


def recordings(path: Path, options: VideoOptions) -> Iterator[Recording | Rejected]:
    """Yields one recording per video at or under `path`, named by its path without the extension."""
    files = [path] if path.is_file() else sorted(_videos(path))
    if not files:
        raise FootageError(f"{path}: no videos here ({', '.join(EXTENSIONS)})")
    root = path.parent if path.is_file() else path
    for file in files:
        name = file.relative_to(root).with_suffix("").as_posix().replace("/", "_")
        try:
            table = _table_of(file, options)
        except FootageError as error:
            yield Rejected(name, str(error))
            continue
        media = VideoFile(file, None if table is None else table.frame_times_s, options.source_fps)
        yield Recording(name, "video", media, ego_motion=None if table is None else table.motion)


def _videos(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if Path(name).suffix.lower() in EXTENSIONS and not name.startswith("."):
                yield Path(parent, name)


def _table_of(video: Path, options: VideoOptions) -> MotionTable | None:
    if options.tables:
        for suffix in _TABLES:
            table = video.with_suffix(suffix)
            if table.is_file():
                return read_motion_table(table, options.steering)
    return None
