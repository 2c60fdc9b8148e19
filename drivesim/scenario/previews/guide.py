"""The position of a scenario's road in the frame, as lines that guide the drawing of boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.geometry.cuboids import NEAR_M, seen_from
from drivesim.scenario.schema.road import Camera, Road
from drivesim.scenario.schema.scenario import Scenario

_REACH_M = 200.0
_MARKS_M = (10, 15, 20, 30, 50, 100)

Pixel = tuple[float, float]


@dataclass(frozen=True)
class GroundGuide:
    """Horizon and road as the camera sees them in the first frame, in pixels of the frame.

    `focal_length_px`, `camera_height_m` and `pitch_rad` give the distance of any row below the horizon.

    Attributes:
        lanes: The right line of each lane and the left line of the last one, from near to far, each with a flag that
            says whether it separates directions or borders the roadside.
        marks: Pairs of a distance ahead in metres and the row of the ground at that distance.
    """

    horizon_px: float
    focal_length_px: float
    camera_height_m: float
    pitch_rad: float
    lanes: tuple[tuple[bool, tuple[Pixel, ...]], ...]
    marks: tuple[tuple[int, float], ...]


def ground_guide(scenario: Scenario) -> GroundGuide:
    """Returns the guide for a scenario's camera and road; if it gives none, the defaults are used."""
    camera, road = (scenario.camera or Camera()).pinhole(), scenario.road or Road()
    ego = scenario.ego_trajectory.at(0.0)
    along = np.concatenate([np.arange(2.0, 40.0, 1.0), np.arange(40.0, _REACH_M, 5.0)])

    def seen(lateral: float) -> tuple[Pixel, ...]:
        ground = road.line.position(along, np.full_like(along, lateral))
        points = np.column_stack([ground, np.zeros_like(along)])
        pixels, depth = camera.project(seen_from(points, ego.position_m, ego.heading_rad))
        return tuple((round(float(x), 1), round(float(y), 1)) for x, y in pixels[depth > NEAR_M])

    edges = (road.rightmost, road.first_oncoming, road.leftmost + 1)
    lanes = tuple(
        (lane in edges, seen((lane - 0.5) * road.lane_width_m)) for lane in range(road.rightmost, road.leftmost + 2)
    )
    rows, _ = camera.project(np.array([(0.0, float(metres), 0.0) for metres in _MARKS_M]))
    marks = tuple((metres, round(float(row), 1)) for metres, row in zip(_MARKS_M, rows[:, 1], strict=True))
    return GroundGuide(
        round(float(camera.horizon_px), 1),
        float(camera.focal_length_px),
        camera.height_m,
        camera.pitch_rad,
        lanes,
        marks,
    )
