"""How a source's frames become the frames of a drive log: a crop of aspect 2:1, then a resize that never enlarges."""

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
"""Boxes narrower or lower than this, in widths of the frame, are left out, as in recorded footage."""


@dataclass(frozen=True)
class Placement:
    """A crop of `columns` × `rows` pixels at `left`, `top` of the source, shown at `width` × `height` pixels."""

    left: int
    top: int
    columns: int
    rows: int
    width: int
    height: int

    @classmethod
    def of(cls, source: tuple[int, int], width: int, horizontal: float = 0.5, vertical: float = 0.5) -> Placement:
        """The largest crop of aspect 2:1 of a source (height, width), at most `width` pixels wide when shown.

        Args:
            horizontal, vertical: where the crop lies, 0 at the left or top edge and 1 at the right or bottom edge.

        Raises:
            FootageError: the source is too small.
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
        """Shown pixels per pixel of the source."""
        return self.width / self.columns

    def frame(self, pixels: np.ndarray) -> np.ndarray:
        """A source's frame, uint8 `h w 3`, as it is shown: `height width 3`."""
        crop = pixels[self.top : self.top + self.rows, self.left : self.left + self.columns]
        if self.columns == self.width:
            return np.ascontiguousarray(crop)
        return cv2.resize(crop, (self.width, self.height), interpolation=cv2.INTER_AREA)

    def mask(self, used: np.ndarray) -> np.ndarray:
        """A mask of the source's pixels, bool `h w`, moved along: a shown pixel is used where all of its source is."""
        crop = used[self.top : self.top + self.rows, self.left : self.left + self.columns].astype(np.float32)
        return cv2.resize(crop, (self.width, self.height), interpolation=cv2.INTER_AREA) > 1 - 1e-3

    def box(self, box: Box) -> Box:
        """A box in pixels of the source, in pixels of the shown frame; it may reach out of it."""
        x0, y0, x1, y1 = box
        scale = self.scale
        return (
            (x0 - self.left) * scale,
            (y0 - self.top) * scale,
            (x1 - self.left) * scale,
            (y1 - self.top) * scale,
        )

    def vehicle(self, vehicle: SourceVehicle) -> VehicleLabel | None:
        """A vehicle in the shown frame; None where too little of it is left inside.

        Of the visible fraction, the part of the visible box that the crop cuts off is lost.
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
        """The camera whose whole picture the shown frame is: the horizon stays where it was.

        A crop moves the principal point out of the middle. A pinhole camera of a drive log has it there, so that the
        vertical part becomes pitch; the horizontal part is lost.
        """
        focal = camera.focal_px * self.scale
        off_centre = (camera.vertical_centre_px - self.top) * self.scale - self.height / 2
        return CameraLabel(
            height_m=camera.height_m,
            pitch_rad=math.atan(math.tan(camera.pitch_rad) + off_centre / focal),
            horizontal_fov_rad=2 * math.atan(self.width / 2 / focal),
        )
