"""The camera in the world.

World axes: x and y lie in the ground plane and z points up, in metres. Headings are in radians, counter-clockwise from
+x. Pitch is positive when the camera looks up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CameraPose:
    """Position, direction and field of view of a pinhole camera.

    The camera has no roll, square pixels, and its principal point in the middle of the picture.
    """

    x_m: float
    y_m: float
    z_m: float
    heading_rad: float
    pitch_rad: float
    horizontal_fov_rad: float
