"""Settings of an ingest, which are the same for all drive logs of a folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.errors import FootageError
from drivesim.regular_files import sha256_of
from drivesim.scenario.schema.vocabulary import TimeOfDay


@dataclass(frozen=True)
class CameraSettings:
    """A camera as the user describes it: horizontal field of view of the source's whole frames, height and pitch."""

    horizontal_fov_rad: float
    height_m: float | None = None
    pitch_rad: float = 0.0

    def __post_init__(self) -> None:
        if not 0.1 < self.horizontal_fov_rad < math.pi - 0.1:
            degrees = math.degrees(self.horizontal_fov_rad)
            raise FootageError(f"expected a horizontal field of view of 6° to 174°, got {degrees:g}°")


@dataclass(frozen=True)
class IngestSettings:
    """Settings of the conversion of every recording.

    Attributes:
        fps: Frame rate of the drive logs; slower sources give a half, a quarter, ... of it.
        width: Largest width of the frames in pixels; they are half as high.
        seconds_per_log: Longest drive log in seconds; longer recordings are cut.
        horizontal: Horizontal place of the crop, 0 at the left edge and 1 at the right edge.
        vertical: Vertical place of the crop, 0 at the top edge and 1 at the bottom edge.
        mask: Picture whose black pixels are hidden, such as a bonnet or a date.
        camera: Camera of recordings without a camera of their own.
        time_of_day: Time of day of recordings whose source does not give it.
        detector: ONNX file of a detector that finds vehicles in footage without annotations.
        detector_settings: Settings of the detector; by default the file beside it.
        odometry: Whether to estimate ego motion from the frames if no table gives it.
        blur: ONNX file of a detector whose detections are made unrecognisable.
        blur_settings: Settings of the detector of `blur`; by default the file beside it.
        redact: Function of the user that changes frames, uint8 `h w 3` in viewing orientation, before any other step;
            other processes must be able to import it.
    """

    fps: float = 10.0
    width: int = 1024
    seconds_per_log: float = 60.0
    horizontal: float = 0.5
    vertical: float = 0.5
    mask: Path | None = None
    camera: CameraSettings | None = None
    time_of_day: TimeOfDay | None = None
    detector: Path | None = None
    detector_settings: Path | None = None
    odometry: bool = False
    blur: Path | None = None
    blur_settings: Path | None = None
    redact: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        if not 0.25 <= self.fps <= 120:
            raise FootageError(f"expected 0.25 to 120 frames per second, got {self.fps:g}")
        if not 256 <= self.width <= 4096 or self.width % 4:
            raise FootageError(f"expected a width of 256 to 4096 pixels that 4 divides, got {self.width}")
        if not 1 <= self.seconds_per_log <= 3600:
            raise FootageError(f"expected 1 to 3600 seconds per drive log, got {self.seconds_per_log:g}")
        if not all(0 <= place <= 1 for place in (self.horizontal, self.vertical)):
            raise FootageError("the place of the crop must lie between 0 and 1")
        if self.odometry and (self.camera is None or self.camera.height_m is None):
            raise FootageError("odometry needs the camera's field of view and its height: they give it its scale")

    def described(self) -> dict[str, Any]:
        """Returns everything that determines the drive logs as plain JSON data; files are represented by their sha256.

        Raises:
            FootageError: One of the files cannot be read.
        """
        camera = self.camera
        return {
            "fps": self.fps,
            "width": self.width,
            "seconds_per_log": self.seconds_per_log,
            "crop": [self.horizontal, self.vertical],
            "mask": _digest(self.mask),
            "camera": None if camera is None else [camera.horizontal_fov_rad, camera.height_m, camera.pitch_rad],
            "time_of_day": self.time_of_day,
            "detector": [_digest(self.detector), _digest(self.detector_settings)],
            "odometry": self.odometry,
            "blur": [_digest(self.blur), _digest(self.blur_settings)],
            "redact": None if self.redact is None else f"{self.redact.__module__}.{self.redact.__qualname__}",
        }


def _digest(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return sha256_of(path)
    except OSError as error:
        raise FootageError(f"{path}: cannot be read: {error.strerror}") from None
