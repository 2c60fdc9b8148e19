"""What a format says about one recording: where its frames are, and everything that is known about them.

Boxes are in pixels of the source's frames as a viewer shows them; times are seconds on the recording's own clock,
whose zero does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from drivesim.data.drive_log_labels import Box
from drivesim.scenario.schema.vocabulary import TimeOfDay, VehicleCategory


@dataclass(frozen=True)
class SourceVehicle:
    """A vehicle in one frame of the source.

    track_id: the same for the same vehicle in all frames. box: around the visible part; it may reach out of the frame.
    amodal_box: around the whole vehicle; None where only `box` is known. distance_m: to its nearest point.
    visible_fraction: 0..1 in the source's frame. Both are None where unknown.
    """

    track_id: int
    category: VehicleCategory
    box: Box
    amodal_box: Box | None = None
    distance_m: float | None = None
    visible_fraction: float | None = None


@dataclass(frozen=True)
class SourceCamera:
    """A pinhole camera, in pixels of the source's frames. `None` is what the source does not know.

    A drive log's camera has its principal point in the middle of a row, so that only the vertical one is needed.
    """

    focal_px: float
    vertical_centre_px: float
    height_m: float | None = None
    pitch_rad: float = 0.0
    """Positive when it looks up."""


@dataclass(frozen=True)
class EgoMotionTable:
    """Speed and yaw rate (left positive) of the ego at `time_s`, which ascends; NaN where one is unknown."""

    time_s: tuple[float, ...]
    speed_mps: tuple[float, ...]
    yaw_rate_radps: tuple[float, ...]
    source: Literal["measured", "steering"] = "measured"


@dataclass(frozen=True)
class VideoFile:
    """Frames in a video.

    frame_times_s: of each frame, in the order of the file, where a table knows better than the file itself.
    fps: of a stream without times, such as a bare `.hevc` file; None where the file says it.
    """

    path: Path
    frame_times_s: tuple[float, ...] | None = None
    fps: float | None = None


@dataclass(frozen=True)
class PictureFiles:
    """Frames in pictures, each with its time. `stills`: they are unrelated, and no time lies between them."""

    paths: tuple[Path, ...]
    times_s: tuple[float, ...]
    stills: bool = False


@dataclass(frozen=True)
class ParquetPictures:
    """Frames that are binary values of one column of a Parquet file, with their rows and times."""

    path: Path
    column: str
    rows: tuple[int, ...]
    times_s: tuple[float, ...]


Media = VideoFile | PictureFiles | ParquetPictures


@dataclass(frozen=True)
class Recording:
    """One camera's recording.

    name: unique in its data set, and of it the names of the drive logs follow. source: the data set or kind of files.
    vehicles: by number of the frame; frames that are missing here have not been annotated. None: no annotation at all.
    """

    name: str
    source: str
    media: Media
    vehicles: Mapping[int, tuple[SourceVehicle, ...]] | None = None
    ego_motion: EgoMotionTable | None = None
    time_of_day: TimeOfDay | None = None
    camera: SourceCamera | None = None
    between_day_and_night: bool = False
    """Its source says that it is neither day nor night, so that brightness is not to decide."""
    notes: tuple[str, ...] = field(default=())
    """What was left out of it, in words for the summary."""


@dataclass(frozen=True)
class Rejected:
    """A file or sequence that cannot be used, and why."""

    name: str
    reason: str
