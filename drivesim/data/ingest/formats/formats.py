"""Dispatch of each format to its module, and the options besides the path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivesim.data.ingest.formats import (
    coco,
    comma2k19,
    cvat,
    images,
    kitti_raw,
    kitti_tracking,
    nuscenes,
    scalabel,
    video,
    waymo,
)
from drivesim.data.ingest.formats.motion_table import Steering
from drivesim.data.ingest.formats.names import Format
from drivesim.data.ingest.recording import Recording, Rejected
from drivesim.errors import FootageError


@dataclass(frozen=True)
class SourceOptions:
    """Facts that the files themselves do not contain.

    Attributes:
        media: Place of the pictures or the video that label files refer to.
        source_fps: Frame rate of frames without times.
        steering: Steering of the vehicle, for tables of speed and steering wheel angle.
        tables: Whether to read tables beside videos.
    """

    media: Path | None = None
    source_fps: float | None = None
    steering: Steering | None = None
    tables: bool = True


def recordings_of(format: Format, path: Path, options: SourceOptions) -> Iterator[Recording | Rejected]:
    """Returns the recordings of a format at `path`, and the sources that cannot be used.

    Raises:
        FootageError: There is nothing of this format.
        MissingExtraError: A package that the format needs is not installed.
    """
    if not path.exists():
        raise FootageError(f"{path}: no such file or folder")
    beside = options.media or (path.parent if path.is_file() else path)
    match format:
        case Format.video:
            return video.recordings(path, video.VideoOptions(options.source_fps, options.steering, options.tables))
        case Format.images:
            return images.recordings(path, options.source_fps)
        case Format.nuscenes:
            return nuscenes.recordings(path)
        case Format.scalabel | Format.bdd100k:
            return scalabel.recordings(path, beside, options.source_fps)
        case Format.kitti_raw:
            return kitti_raw.recordings(path)
        case Format.kitti_tracking:
            return kitti_tracking.recordings(path)
        case Format.coco:
            return coco.recordings(path, beside, options.source_fps)
        case Format.cvat:
            return cvat.recordings(path, options.media, options.source_fps)
        case Format.comma2k19:
            return comma2k19.recordings(path)
        case Format.waymo:
            return waymo.recordings(path)
