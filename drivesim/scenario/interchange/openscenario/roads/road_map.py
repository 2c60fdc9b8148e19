"""The interface to roads that entities need: lanes beside a line, and poses along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.schema.road import Road

LANE_WIDTH_M = Road().lane_width_m


@dataclass(frozen=True)
class Pose:
    """A point of the plane with a direction in radians from the x axis to the left."""

    x: float
    y: float
    heading: float


class RoadMap(Protocol):
    """The roads of a file. `s` and `t` are metres along a road's line and to the left of it, and lanes have ids."""

    def require(self, road: str) -> None:
        """Checks that a road exists.

        Raises:
            UnmappableError: There is no such road.
        """

    def pose(self, road: str, s: float, t: float) -> Pose:
        """Returns the position with the direction of the road."""

    def curvature(self, road: str, s: float) -> float:
        """Returns the curvature in 1/m, positive to the left."""

    def lane_centre(self, road: str, s: float, lane: int) -> float:
        """Returns the `t` of the centre of a lane.

        Raises:
            UnmappableError: There is no such lane.
        """

    def lane_width(self, road: str, s: float, lane: int) -> float:
        """Returns the width of a lane in metres."""

    def lane_at(self, road: str, s: float, t: float) -> int:
        """Returns the lane that contains a position, or else the nearest one."""

    def runs_along(self, road: str, lane: int) -> bool:
        """Returns whether traffic in a lane drives towards increasing `s`."""

    def beside(self, road: str, s: float, lane: int, lanes_left: int) -> int:
        """Returns the lane that is `lanes_left` lanes to the left (towards larger `t`).

        Raises:
            UnmappableError: There is no such lane.
        """

    def length(self, road: str) -> float:
        """Returns the length of a road in metres."""

    def section(self, road: str, s: float) -> int:
        """Returns the number of the lane section at a position; lane ids keep their meaning within one section."""

    def beyond(self, road: str, at_end: bool, lane: int) -> tuple[str, bool] | None:
        """Returns the road beyond an end of a lane and whether it is entered at its start, or None."""

    def locate(self, x: float, y: float) -> tuple[str, float, float] | None:
        """Returns road, `s` and `t` of a point, or None if no road is near."""


@dataclass(frozen=True)
class AssumedRoad:
    """One infinite straight road with lanes of usual width, used if the road file is not available.

    Attributes:
        name: Id of the only road; None if positions by lanes and roads have no meaning.
        origin: The pose at which `s` and `t` are 0, with the direction of the road.
        shift_m: Shift of the lanes to the left, relative to lanes that are centred on the line.
    """

    name: str | None
    origin: Pose = Pose(0.0, 0.0, 0.0)
    shift_m: float = 0.0

    ROAD = "assumed"

    def require(self, road: str) -> None:
        if self.name is None:
            raise UnmappableError("a position on a road needs the road file, because the ego's is a WorldPosition")
        if road not in (self.name, self.ROAD):
            raise UnmappableError("on a different road than the ego; the positions of roads need the road file")

    def pose(self, road: str, s: float, t: float) -> Pose:
        cos, sin = math.cos(self.origin.heading), math.sin(self.origin.heading)
        return Pose(self.origin.x + s * cos - t * sin, self.origin.y + s * sin + t * cos, self.origin.heading)

    def curvature(self, road: str, s: float) -> float:
        return 0.0

    def lane_centre(self, road: str, s: float, lane: int) -> float:
        if lane == 0:
            return self.shift_m
        return self.shift_m + math.copysign((abs(lane) - 0.5) * LANE_WIDTH_M, lane)

    def lane_width(self, road: str, s: float, lane: int) -> float:
        return LANE_WIDTH_M

    def lane_at(self, road: str, s: float, t: float) -> int:
        order = math.floor((t - self.shift_m) / LANE_WIDTH_M + 1e-9)
        return order + 1 if order >= 0 else order

    def runs_along(self, road: str, lane: int) -> bool:
        return lane < 0

    def beside(self, road: str, s: float, lane: int, lanes_left: int) -> int:
        order = (lane - 1 if lane > 0 else lane) + lanes_left
        return order + 1 if order >= 0 else order

    def length(self, road: str) -> float:
        return math.inf

    def section(self, road: str, s: float) -> int:
        return 0

    def beyond(self, road: str, at_end: bool, lane: int) -> tuple[str, bool] | None:
        return None

    def locate(self, x: float, y: float) -> tuple[str, float, float] | None:
        cos, sin = math.cos(self.origin.heading), math.sin(self.origin.heading)
        dx, dy = x - self.origin.x, y - self.origin.y
        return self.name or self.ROAD, dx * cos + dy * sin, dy * cos - dx * sin
