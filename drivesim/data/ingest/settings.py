"""How an ingest is done; the same for all drive logs of a folder."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import TimeOfDay


@dataclass(frozen=True)
class CameraSettings:
    """A camera that the user describes: the horizontal field of view of the source's whole frames, and its mount."""

    horizontal_fov_rad: float
    height_m: float | None = None
    pitch_rad: float = 0.0

    def __post_init__(self) -> None:
        if not 0.1 < self.horizontal_fov_rad < math.pi - 0.1:
            degrees = math.degrees(self.horizontal_fov_rad)
            raise FootageError(f"expected a horizontal field of view of 6° to 174°, got {degrees:g}°")


@dataclass(frozen=True)
class IngestSettings:
    """What becomes of every recording.

    fps: rate of the drive logs; slower sources give a half, a quarter, ... of it. width: of the frames, at most; they
    are half as high. seconds_per_log: a longer recording is cut. horizontal, vertical: where the crop lies, 0 at the
    left or top edge, 1 at the other. mask: picture whose black pixels are hidden, such as a bonnet or a date.
    camera, time_of_day: for recordings that do not say. detector: ONNX file that finds vehicles where nothing is
    annotated. odometry: whether ego motion is estimated from the frames where no table has it. blur: ONNX file whose
    detections are made unrecognisable. redact: a function of the user's that changes frames uint8 `h w 3`, in the
    orientation in which they are seen, before anything else does; it must be importable by other processes.
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
        """Everything that decides the drive logs, as plain JSON data; files stand as their sha256.

        Raises FootageError where one of the files cannot be read.
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
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FootageError(f"{path}: cannot be read: {error.strerror}") from None
