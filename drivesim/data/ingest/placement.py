"""The mapping from source frames to frames of a drive log: a crop of aspect 2:1, then a resize that never enlarges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.data.drive_log_labels import Box, CameraLabel, VehicleLabel
from drivesim.data.ingest.recording import SourceCamera, SourceVehicle
from drivesim.errors import FootageError
from drivesim.geometry.boxes import area

ASPECT = 2
MIN_WIDTH = 256
MIN_BOX_SIDE = 5 / 1024
"""Smallest side of a box as a fraction of the frame width, as in recorded footage; smaller boxes are left out."""


@dataclass(frozen=True)
class Placement:
    """A crop of `columns` × `rows` pixels at `left`, `top` of the source, resized to `width` × `height` pixels."""

    left: int
    top: int
    columns: int
    rows: int
    width: int
    height: int

    @classmethod
    def of(cls, source: tuple[int, int], width: int, horizontal: float = 0.5, vertical: float = 0.5) -> Placement:
        """Returns the largest crop of aspect 2:1 of a source, resized to at most `width` pixels of width.

        Args:
            source: Height and width of the source.
            width: Largest width after resizing.
            horizontal: Horizontal place of the crop, 0 at the left edge and 1 at the right edge.
            vertical: Vertical place of the crop, 0 at the top edge and 1 at the bottom edge.

        Raises:
            FootageError: The source is too small.
        """
        source_rows, source_columns = source
        rows = min(source_rows, source_columns // ASPECT) // 2 * 2
        columns = ASPECT * rows
        if columns < MIN_WIDTH:
            least = f"{MIN_WIDTH}×{MIN_WIDTH // ASPECT}"
            raise FootageError(f"frames of {source_columns}×{source_rows} pixels; expected at least {least}")
        left = round((source_columns - columns) * horizontal)
        top = round((source_rows - rows) * vertical)
        shown = min(width, columns)
        return cls(left, top, columns, rows, shown, shown // ASPECT)

    @property
    def scale(self) -> float:
        """Pixels of the log's frame per pixel of the source."""
        return self.width / self.columns

    def frame(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the frame of the log, `height width 3`, for a frame of the source, uint8 `h w 3`."""
        crop = pixels[self.top : self.top + self.rows, self.left : self.left + self.columns]
        if self.columns == self.width:
            return np.ascontiguousarray(crop)
        return cv2.resize(crop, (self.width, self.height), interpolation=cv2.INTER_AREA)

    def mask(self, used: np.ndarray) -> np.ndarray:
        """Transforms a mask of used source pixels, bool `h w`; a pixel is used if all of its source pixels are."""
        crop = used[self.top : self.top + self.rows, self.left : self.left + self.columns].astype(np.float32)
        return cv2.resize(crop, (self.width, self.height), interpolation=cv2.INTER_AREA) > 1 - 1e-3

    def box(self, box: Box) -> Box:
        """Transforms a box to pixels of the log's frame, beyond which it may reach."""
        x0, y0, x1, y1 = box
        scale = self.scale
        return (
            (x0 - self.left) * scale,
            (y0 - self.top) * scale,
            (x1 - self.left) * scale,
            (y1 - self.top) * scale,
        )

    def vehicle(self, vehicle: SourceVehicle) -> VehicleLabel | None:
        """Transforms a vehicle; returns None if too little of it remains inside the frame.

        The visible fraction shrinks by the part of the visible box that the crop cuts off.
        """
        whole = np.array(self.box(vehicle.box))
        inside = np.clip(whole, 0, [self.width, self.height] * 2)
        smallest = MIN_BOX_SIDE * self.width
        if inside[2] - inside[0] < smallest or inside[3] - inside[1] < smallest:
            return None
        fraction = vehicle.visible_fraction
        if fraction is not None:
            fraction = round(min(1.0, fraction * float(area(inside) / area(whole))), 4)
        x0, y0, x1, y1 = (float(edge) for edge in inside)
        return VehicleLabel(
            track_id=vehicle.track_id,
            category=vehicle.category,
            box=(x0, y0, x1, y1),
            amodal_box=self.box(vehicle.amodal_box or vehicle.box),
            distance_m=vehicle.distance_m,
            visible_fraction=fraction,
        )

    def camera(self, camera: SourceCamera) -> CameraLabel:
        """Returns the camera whose whole picture is the frame of the log, with the horizon in the same row.

        A crop moves the principal point away from the centre, where the camera of a drive log has it. The vertical part
        of this shift becomes pitch; the horizontal part is lost.
        """
        focal = camera.focal_px * self.scale
        off_centre = (camera.vertical_centre_px - self.top) * self.scale - self.height / 2
        return CameraLabel(
            height_m=camera.height_m,
            pitch_rad=math.atan(math.tan(camera.pitch_rad) + off_centre / focal),
            horizontal_fov_rad=2 * math.atan(self.width / 2 / focal),
        )
