"""One recording as its format describes it: the place of its frames and everything that is known about them.

Boxes are in pixels of the source's frames as a viewer shows them; times are seconds on the recording's own clock, which
may have any zero.
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

    Attributes:
        track_id: Number that the vehicle has in all frames.
        category: Category of the vehicle.
        box: Box around the visible part; it may reach beyond the frame.
        amodal_box: Box around the whole vehicle; None if only `box` is known.
        distance_m: Distance to its nearest point; None if unknown.
        visible_fraction: Visible fraction in the source's frame, 0..1; None if unknown.
    """

    track_id: int
    category: VehicleCategory
    box: Box
    amodal_box: Box | None = None
    distance_m: float | None = None
    visible_fraction: float | None = None


@dataclass(frozen=True)
class SourceCamera:
    """A pinhole camera in pixels of the source's frames; None stands for what the source does not know.

    The camera of a drive log has its principal point in the middle of a row, so only its row is needed.
    """

    focal_px: float
    vertical_centre_px: float
    height_m: float | None = None
    pitch_rad: float = 0.0
    """Pitch, positive when the camera looks up."""


@dataclass(frozen=True)
class EgoMotionTable:
    """Speed and yaw rate (positive to the left) of the ego at ascending times `time_s`; NaN stands for unknown."""

    time_s: tuple[float, ...]
    speed_mps: tuple[float, ...]
    yaw_rate_radps: tuple[float, ...]
    source: Literal["measured", "steering"] = "measured"


@dataclass(frozen=True)
class VideoFile:
    """Frames in a video.

    Attributes:
        path: The file.
        frame_times_s: Time of each frame in the order of the file, if a table overrides the times of the file.
        fps: Frame rate of a stream without times, such as a bare `.hevc` file; None if the file has times.
    """

    path: Path
    frame_times_s: tuple[float, ...] | None = None
    fps: float | None = None


@dataclass(frozen=True)
class PictureFiles:
    """Frames in picture files, each with its time; `stills` are unrelated pictures, whose times mean nothing."""

    paths: tuple[Path, ...]
    times_s: tuple[float, ...]
    stills: bool = False


@dataclass(frozen=True)
class ParquetPictures:
    """Frames in one binary column of a Parquet file, with their rows and times."""

    path: Path
    column: str
    rows: tuple[int, ...]
    times_s: tuple[float, ...]


Media = VideoFile | PictureFiles | ParquetPictures


@dataclass(frozen=True)
class Recording:
    """The recording of one camera.

    Attributes:
        name: Name that is unique in its data set, from which the names of the drive logs are derived.
        source: Name of the data set or kind of files.
        vehicles: Vehicles by number of the frame; frames that are missing here are not annotated. None stands for a
            recording without annotations.
    """

    name: str
    source: str
    media: Media
    vehicles: Mapping[int, tuple[SourceVehicle, ...]] | None = None
    ego_motion: EgoMotionTable | None = None
    time_of_day: TimeOfDay | None = None
    camera: SourceCamera | None = None
    between_day_and_night: bool = False
    """Whether the source says that it is neither day nor night, so that brightness does not decide."""
    notes: tuple[str, ...] = field(default=())
    """Sentences for the summary that describe what was left out."""


@dataclass(frozen=True)
class Rejected:
    """A file or sequence that cannot be used, and the reason."""

    name: str
    reason: str
