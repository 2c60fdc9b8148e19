"""A drive log that grows frame by frame while a recording is converted, or that an earlier run has made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim.data.drive_log import DriveLog, DriveLogWriter
from drivesim.data.drive_log_labels import (
    FORMAT_OF_REAL_FOOTAGE,
    CameraLabel,
    DriveLogLabels,
    FrameLabel,
    Provenance,
    VehicleLabel,
)
from drivesim.data.ingest.conversion.tools import Tools
from drivesim.data.ingest.labels.daylight import Daylight
from drivesim.data.ingest.labels.detected import tracked_vehicles
from drivesim.data.ingest.labels.ego_motion import motion_at
from drivesim.data.ingest.media.frames import SourceFrame
from drivesim.data.ingest.placement import Placement
from drivesim.data.ingest.recording import Recording, SourceCamera
from drivesim.data.ingest.timeline import FrameCounts
from drivesim.detection.detections import Detections
from drivesim.errors import FootageError
from drivesim.geometry.camera import PinholeCamera

if TYPE_CHECKING:
    from drivesim.data.ingest.labels.odometry import Odometry

_CRF = 14
_MOSTLY = 0.5
"""A vehicle is left out if the mask hides more than this fraction of it."""


@dataclass(frozen=True)
class LogMade:
    """A complete drive log; `existed` is true if an earlier run made it."""

    name: str
    existed: bool


class GrowingLog:
    """A drive log that is being written."""

    def __init__(
        self, folder: Path, recording: Recording, tools: Tools, fps: float, start_s: float, min_frames: int
    ) -> None:
        self._folder, self._recording, self._tools, self._fps = folder, recording, tools, fps
        self._provenance = Provenance(recording.name, round(start_s, 6))
        self._min_frames = min_frames
        self._writer: DriveLogWriter | None = None
        self._labels: list[FrameLabel] = []
        self._detections: list[Detections] = []
        self._daylight = Daylight()

    def fits(self, frame: SourceFrame) -> bool:
        """Returns whether a frame has the size that the frames of this log have in the source."""
        return self._writer is None or frame.pixels().shape[:2] == self._size

    def add(self, frame: SourceFrame) -> None:
        """Writes a frame with the labels that are known so far."""
        pixels = frame.pixels()
        writer = self._begun(pixels.shape[:2]) if self._writer is None else self._writer
        shown = self._placement.frame(self._tools.prepared(pixels))
        if self._used_pixels is not None:
            shown[~self._used_pixels] = 0
        self._daylight.add(shown)
        if self._odometry is not None:
            self._odometry.add(shown)
        if self._detector is not None:
            self._detections.append(self._detector.detect(shown[None])[0])
        speed, yaw_rate = None, None
        if self._recording.ego_motion is not None:
            speed, yaw_rate = motion_at(self._recording.ego_motion, frame.time_s)
        label = FrameLabel(len(self._labels) / self._fps, speed, yaw_rate, self._annotated(frame.number))
        writer.write(shown, label)
        self._labels.append(label)

    def finished(self, counts: FrameCounts) -> Iterator[LogMade]:
        """Publishes the log with all its labels; a log that is too short is left out and counted."""
        if len(self._labels) < self._min_frames:
            counts.alone += len(self._labels)
            self.abandon()
            return
        writer = self._writer
        assert writer is not None, "it has written the frames that are labelled"
        writer.relabel(*self._completed())
        self._writer = None  # only now, so that `abandon` removes a log that cannot be labelled
        writer.__exit__(None)
        yield LogMade(self._folder.name, existed=False)

    def abandon(self) -> None:
        """Removes the incomplete log."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.__exit__(FootageError)

    def _begun(self, size: tuple[int, int]) -> DriveLogWriter:
        """Opens the log for source frames of a size when the first of them arrives."""
        settings, recording = self._tools.settings, self._recording
        self._size = size
        self._placement = Placement.of(size, settings.width, settings.horizontal, settings.vertical)
        self._used_pixels = self._tools.used_pixels(self._placement, size)
        self._camera = self._camera_label(size)
        self._header = DriveLogLabels(
            source=recording.source,
            fps=self._fps,
            width=self._placement.width,
            height=self._placement.height,
            camera=self._camera,
            provenance=self._provenance,
            format=FORMAT_OF_REAL_FOOTAGE,
        )
        self._odometry = self._odometry_of(self._camera) if recording.ego_motion is None else None
        self._detector = self._tools.detector if recording.vehicles is None else None
        self._writer = DriveLogWriter(self._folder, self._header, _CRF).__enter__()
        return self._writer

    def _camera_label(self, size: tuple[int, int]) -> CameraLabel | None:
        given, camera = self._tools.settings.camera, self._recording.camera
        if camera is None and given is not None:
            focal = size[1] / 2 / math.tan(given.horizontal_fov_rad / 2)
            camera = SourceCamera(focal, size[0] / 2, given.height_m, given.pitch_rad)
        return None if camera is None else self._placement.camera(camera)

    def _odometry_of(self, camera: CameraLabel | None) -> Odometry | None:
        if not self._tools.settings.odometry or camera is None or camera.height_m is None:
            return None
        from drivesim.data.ingest.labels.odometry import Odometry

        width, height = self._placement.width, self._placement.height
        pinhole = PinholeCamera(width, height, camera.horizontal_fov_rad, camera.height_m, camera.pitch_rad)
        return Odometry(pinhole, self._fps)

    def _annotated(self, number: int) -> tuple[VehicleLabel, ...] | None:
        known = self._recording.vehicles
        if known is None or number not in known:
            return None
        placed = (self._placement.vehicle(vehicle) for vehicle in known[number])
        return tuple(label for label in placed if label is not None and not self._is_hidden(label))

    def _is_hidden(self, label: VehicleLabel) -> bool:
        if self._used_pixels is None:
            return False
        x0, y0, x1, y1 = (round(edge) for edge in label.box)
        inside = self._used_pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        return bool(inside.size) and 1 - inside.mean() > _MOSTLY

    def _completed(self) -> tuple[DriveLogLabels, list[FrameLabel]]:
        """Returns header and labels, including those that depend on the whole log."""
        labels, provenance, recording = self._labels, self._provenance, self._recording
        if self._odometry is not None:
            motion = self._odometry.motion()
            labels = [
                replace(label, ego_speed_mps=speed, ego_yaw_rate_radps=yaw_rate)
                for label, (speed, yaw_rate) in zip(labels, motion, strict=True)
            ]
        if any(label.ego_speed_mps is not None or label.ego_yaw_rate_radps is not None for label in labels):
            source = "odometry" if recording.ego_motion is None else recording.ego_motion.source
            provenance = replace(provenance, ego_motion=source)
        if self._detector is not None:
            size = (self._placement.width, self._placement.height)
            tracks = tracked_vehicles(self._detections, *size, self._fps, self._detector.threshold)
            tracks = [tuple(vehicle for vehicle in frame if not self._is_hidden(vehicle)) for frame in tracks]
            labels = [replace(label, vehicles=found) for label, found in zip(labels, tracks, strict=True)]
            provenance = replace(provenance, vehicles="detected", detector_sha256=self._detector.sha256)
        elif any(label.vehicles is not None for label in labels):
            provenance = replace(provenance, vehicles="annotated")
        time_of_day = recording.time_of_day or self._tools.settings.time_of_day
        if time_of_day is not None:
            provenance = replace(provenance, time_of_day="annotated")
        elif not recording.between_day_and_night:
            time_of_day = self._daylight.time_of_day
            provenance = replace(provenance, time_of_day=None if time_of_day is None else "luminance")
        return replace(self._header, time_of_day=time_of_day, provenance=provenance), labels


class ExistingLog:
    """A drive log that an earlier run has made; its frames are skipped."""

    def __init__(self, folder: Path, *_: object) -> None:
        self._folder = folder
        self._remaining = DriveLog.open(folder).num_frames

    def fits(self, frame: SourceFrame) -> bool:
        """Returns whether a frame belongs to this log."""
        return self._remaining > 0

    def add(self, frame: SourceFrame) -> None:
        """Skips a frame."""
        self._remaining -= 1

    def finished(self, counts: FrameCounts) -> Iterator[LogMade]:
        """Reports that the log exists."""
        yield LogMade(self._folder.name, existed=True)

    def abandon(self) -> None:
        """Does nothing, because nothing has been written."""
