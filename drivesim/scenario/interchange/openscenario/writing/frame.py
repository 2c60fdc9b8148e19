"""Conversion from the plane of a file to scenario coordinates: metres along the ego's road and to its left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.geometry.reference_lines import ReferenceLine
from drivesim.scenario.checks.places import EGO_AHEAD_M
from drivesim.scenario.interchange.openscenario.reading.entities import Vehicle
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose
from drivesim.scenario.interchange.openscenario.running.world import Sample


@dataclass(frozen=True)
class Way:
    """The motion of a point of a vehicle at times `n`.

    Attributes:
        stations_m: Distances along the scenario's road from the camera in the first frame, `n`.
        offsets_m: Offsets to the left of the centre of the ego's lane, `n`.
        headings_rad: Headings to the left of the road's direction, `n`.
        speeds_mps: Speeds along the vehicle's heading, `n`.
    """

    times_s: np.ndarray
    stations_m: np.ndarray
    offsets_m: np.ndarray
    headings_rad: np.ndarray
    speeds_mps: np.ndarray


@dataclass(frozen=True)
class Frame:
    """The ego's first pose and size, and the line of the scenario's road."""

    pose: Pose
    ego: Vehicle
    line: ReferenceLine

    def way(self, samples: Sequence[Sample], vehicle: Vehicle) -> Way:
        """Returns the motion of the centre of a vehicle's box, without its sideways swing in a lane change."""
        return self._way(samples, vehicle.ahead_m, vehicle.left_m)

    def camera_way(self, samples: Sequence[Sample]) -> Way:
        """Returns the motion of the camera on the ego."""
        return self._way(samples, self._camera_ahead_m, self.ego.left_m)

    def lateral_m(self, pose: Pose) -> float:
        """Returns how far a position lies to the left of the ego's first lane."""
        return float(self._way([Sample(0.0, pose, 0.0)], 0.0, 0.0).offsets_m[0])

    @property
    def _camera_ahead_m(self) -> float:
        """Distance from the rear axle, OpenSCENARIO's reference point, to the camera, which is drivesim's."""
        return self.ego.ahead_m + self.ego.size_m[0] / 2 - EGO_AHEAD_M

    def _way(self, samples: Sequence[Sample], ahead_m: float, left_m: float) -> Way:
        table = np.array([(s.time_s, s.pose.x, s.pose.y, s.pose.heading, s.speed_mps) for s in samples], dtype=float)
        times, x, y, headings, speeds = table.T
        x = x + ahead_m * np.cos(headings) - left_m * np.sin(headings) - self.pose.x
        y = y + ahead_m * np.sin(headings) + left_m * np.cos(headings) - self.pose.y
        cos, sin = math.cos(self.pose.heading), math.sin(self.pose.heading)
        forward, left = x * cos + y * sin - self._camera_ahead_m, y * cos - x * sin - self.ego.left_m
        stations, offsets = self.line.project(np.stack([-left, forward], -1))
        turned = headings - self.pose.heading - self.line.heading(stations)
        return Way(times, stations, offsets, np.unwrap((turned + np.pi) % (2 * np.pi) - np.pi), speeds)
