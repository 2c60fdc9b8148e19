"""The labels of a drive log and their file, `labels.json`.

Version 1 holds exact labels of the vehicles of a world. Version 2, for footage of real drives, may leave out what the
source does not know, and says where the labels come from. Version 3 also holds roads, headings and colours, which are
unknown in older files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from drivesim.errors import FootageError
from drivesim.geometry.camera import PinholeCamera
from drivesim.regular_files import read_regular
from drivesim.scenario.schema.vocabulary import RoadKind, TimeOfDay, VehicleCategory, VehicleColour

FORMAT: Literal[3] = 3
FORMAT_OF_REAL_FOOTAGE: Literal[2] = 2
LABELS_FILE = "labels.json"

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

Box = tuple[float, float, float, float]
"""Edges x0, y0, x1, y1 in pixels of the log's frames; x points right, y down, and the far edges are exclusive."""


@dataclass(frozen=True)
class VehicleLabel:
    """One vehicle in one frame."""

    __pydantic_config__ = _STRICT

    track_id: int
    """A number that the vehicle has in all frames of a log."""
    category: VehicleCategory
    box: Box
    """Box around the visible part, inside the frame."""
    amodal_box: Box
    """Box around the whole vehicle, which may reach beyond the frame and behind other things."""
    distance_m: float | None
    """Distance from the camera to the vehicle's nearest point; None if it is unknown."""
    visible_fraction: float | None
    """Fraction of the vehicle's pixels that nothing hides and that lie inside the frame, 0 to 1; None if unknown."""
    heading_rad: float | None = None
    """Angle from the line of sight to the direction in which the vehicle points, positive to the left: 0 if it shows
    its rear, ±π if it shows its front, and π/2 if it points to the left; None if it is unknown."""
    colour: VehicleColour | None = None
    """Colour of most of its paint; None if it is unknown, or none of these."""


@dataclass(frozen=True)
class RoadElement:
    """A line or an area of the road in view, where nothing hides it."""

    __pydantic_config__ = _STRICT

    kind: RoadKind
    points: tuple[tuple[float, float], ...]
    """Points x, y in pixels inside the frame; a `drivable_area` is bounded by them, a line leads through them."""


@dataclass(frozen=True)
class FrameLabel:
    """One frame: the ego's motion, the vehicles and the road in view."""

    __pydantic_config__ = _STRICT

    time_s: float
    ego_speed_mps: float | None
    """None if the value is unknown."""
    ego_yaw_rate_radps: float | None
    """Positive to the left; None if it is unknown."""
    vehicles: tuple[VehicleLabel, ...] | None
    """None if the frame was not searched for vehicles, which is not the same as a frame without vehicles."""
    road: tuple[RoadElement, ...] | None = None
    """Every part of the road in view; None if it is unknown."""


@dataclass(frozen=True)
class CameraLabel:
    """How the camera is mounted on the ego."""

    __pydantic_config__ = _STRICT

    height_m: float | None
    """Height above the road; None if it is unknown."""
    pitch_rad: float
    """Positive when it looks up."""
    horizontal_fov_rad: float


@dataclass(frozen=True)
class Provenance:
    """The origin of a drive log of real footage and of its labels; None stands for labels that it does not have."""

    __pydantic_config__ = _STRICT

    recording: str
    """Name of the recording that the log is a part of."""
    start_s: float
    """Time of the first frame since the start of the recording."""
    vehicles: Literal["annotated", "detected"] | None = None
    detector_sha256: str | None = None
    """sha256 of the detector, if the vehicles are `detected`."""
    ego_motion: Literal["measured", "steering", "odometry"] | None = None
    """`measured` by sensors of the vehicle, derived from its speed and `steering`, or by visual `odometry`."""
    time_of_day: Literal["annotated", "luminance"] | None = None


@dataclass(frozen=True)
class DriveLogLabels:
    """Everything known about a drive log; None stands for what its source does not say."""

    __pydantic_config__ = _STRICT

    source: str
    """Origin of the footage, for instance `world` or the name of a data set."""
    fps: Annotated[float, Field(gt=0)]
    width: PositiveInt
    height: PositiveInt
    seed: int | None = None
    time_of_day: TimeOfDay | None = None
    camera: CameraLabel | None = None
    frames: tuple[FrameLabel, ...] = ()
    provenance: Provenance | None = None
    format: Literal[1, 2, 3] = FORMAT

    @property
    def pinhole(self) -> PinholeCamera | None:
        """The camera, in pixels of the frames; None if it is unknown, or its height is."""
        camera = self.camera
        if camera is None or camera.height_m is None:
            return None
        return PinholeCamera(self.width, self.height, camera.horizontal_fov_rad, camera.height_m, camera.pitch_rad)

    def with_frames(self, frames: tuple[FrameLabel, ...]) -> DriveLogLabels:
        """Returns the same labels with other labels of frames."""
        return replace(self, frames=frames)


_ADAPTER = TypeAdapter(DriveLogLabels)


def write_labels(labels: DriveLogLabels, folder: Path) -> None:
    """Writes `labels.json` into `folder`."""
    (folder / LABELS_FILE).write_bytes(_ADAPTER.dump_json(labels))


def read_labels(folder: Path) -> DriveLogLabels:
    """Reads `labels.json` from `folder`.

    Raises:
        FootageError: The file cannot be read, or a field is wrong; it names the file and the field.
    """
    path = Path(folder) / LABELS_FILE
    try:
        text = read_regular(path)
    except OSError as error:
        raise FootageError(f"{path}: cannot read the labels of a drive log: {error.strerror}") from error
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise FootageError(_first_problem(path, error)) from error


def _first_problem(path: Path, error: ValidationError) -> str:
    details = error.errors()[0]
    field = ".".join(str(part) for part in details["loc"]) or "the file"
    if details["loc"] == ("format",):
        known = f"versions 1 to {FORMAT}"
        return f"{path}: format: this drivesim reads {known}, the file says {details['input']!r}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{path}: {field}: {details['msg']}{more}"
