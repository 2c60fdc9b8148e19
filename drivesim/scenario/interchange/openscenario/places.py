"""Where entities stand in the first frame, seen from the ego: positions of lanes, roads, the world, and one another.

The file of the road is not read: lanes are as wide as a scenario's, and straight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivesim.scenario.interchange.openscenario.library import xosc
from drivesim.scenario.interchange.openscenario.notes import UnmappableError, number
from drivesim.scenario.schema.road import Road

MAX_CHAIN = 32
LANE_WIDTH_M = Road().lane_width_m


@dataclass(frozen=True)
class Place:
    """A reference point: metres ahead of the ego's and to its left, radians to its left, and its lane where known."""

    ahead_m: float
    left_m: float
    heading_rad: float
    lane: int | None = None

    @property
    def nearest_lane(self) -> int:
        """Number of its lane, or of the one whose middle is nearest."""
        return round(self.left_m / LANE_WIDTH_M) if self.lane is None else self.lane

    @property
    def along(self) -> int:
        """1 where it drives as the ego does, -1 where it comes towards it."""
        return 1 if math.cos(self.heading_rad) >= 0 else -1


@dataclass(frozen=True)
class Places:
    """The places of entities by name; `positions` are those of the library, by the name of the entity."""

    positions: Mapping[str, Any]
    ego: str

    def of(self, name: str, asked: tuple[str, ...] = ()) -> Place:
        """Where an entity stands; UnmappableError where that cannot be told without the file of the road."""
        if name == self.ego:
            return Place(0.0, 0.0, 0.0, 0)
        if name in asked:
            raise UnmappableError("positions refer to one another in a circle")
        if len(asked) > MAX_CHAIN:
            raise UnmappableError(f"its position is relative to another, and so on, more than {MAX_CHAIN} times")
        if name not in self.positions:
            raise UnmappableError(f"no initial position of {name}")
        position = self.positions[name]
        match position:
            case xosc.LanePosition():
                return self._in_lane(position)
            case xosc.RoadPosition():
                return self._on_road(position)
            case xosc.WorldPosition():
                return self._in_world(position)
        kinds = {
            xosc.RelativeLanePosition: ("entity", self._lanes_from),
            xosc.RelativeRoadPosition: ("target", self._road_from),
            xosc.RelativeObjectPosition: ("target", self._object_from),
            xosc.RelativeWorldPosition: ("target", self._world_from),
        }
        if type(position) not in kinds:
            raise UnmappableError(f"{type(position).__name__} needs the file of the road")
        attribute, place_from = kinds[type(position)]
        return place_from(position, self.of(getattr(position, attribute), (*asked, name)))

    def lane_number(self, lane_id: Any) -> int:
        """The number, from the ego's on, of a lane of the ego's road by its id there."""
        own = self._ego_as(xosc.LanePosition)
        return _side(own) * (_order(lane_id) - _order(own.lane_id))

    @property
    def own_lanes_left(self) -> int | None:
        """How many lanes of its direction are left of the ego's; None where that is not known."""
        position = self.positions.get(self.ego)
        try:
            return abs(_lane_id(position.lane_id)) - 1 if isinstance(position, xosc.LanePosition) else None
        except UnmappableError:  # what depends on the lane is dropped, with its reason, where it is read
            return None

    def _ego_as(self, kind: type) -> Any:
        position = self.positions.get(self.ego)
        if not isinstance(position, kind):
            raise UnmappableError(f"a {kind.__name__} says nothing beside the ego's, which is another kind of position")
        return position

    def _in_lane(self, position: Any) -> Place:
        own = self._ego_as(xosc.LanePosition)
        _same_road(position.road_id, own.road_id)
        side, lane = _side(own), self.lane_number(position.lane_id)
        offset = side * (number(position.offset or 0) - number(own.offset or 0))
        # An orientation turns from the driving direction of the lane.
        with_us = _side(position) == side
        heading = _relative_heading(position.orient, 0.0 if with_us else math.pi)
        ahead = side * (number(position.s) - number(own.s))
        return Place(ahead, lane * LANE_WIDTH_M + offset, _wrapped(heading), None if offset else lane)

    def _on_road(self, position: Any) -> Place:
        own = self._ego_as(xosc.RoadPosition)
        _same_road(position.id, own.id)
        own_heading = _relative_heading(own.orient, 0.0)
        side = 1 if math.cos(own_heading) >= 0 else -1
        heading = _relative_heading(position.orient, 0.0) - own_heading
        ahead, left = number(position.s) - number(own.s), number(position.t) - number(own.t)
        return Place(side * ahead, side * left, _wrapped(heading))

    def _in_world(self, position: Any) -> Place:
        own = self._ego_as(xosc.WorldPosition)
        heading = number(own.h or 0)
        ahead, left = _turned(number(position.x) - number(own.x), number(position.y) - number(own.y), -heading)
        return Place(ahead, left, _wrapped(number(position.h or 0) - heading))

    def _lanes_from(self, position: Any, other: Place) -> Place:
        distance = number(position.dsLane if position.ds is None else position.ds)
        lane = other.nearest_lane + other.along * round(number(position.lane_id))
        offset = other.along * number(position.offset or 0)
        heading = _relative_heading(position.orient, other.heading_rad)
        ahead = other.ahead_m + other.along * distance
        return Place(ahead, lane * LANE_WIDTH_M + offset, _wrapped(heading), None if offset else lane)

    def _road_from(self, position: Any, other: Place) -> Place:
        heading = _relative_heading(position.orient, other.heading_rad)
        ahead, left = (other.along * number(part) for part in (position.ds, position.dt))
        return Place(other.ahead_m + ahead, other.left_m + left, _wrapped(heading))

    def _object_from(self, position: Any, other: Place) -> Place:
        ahead, left = _turned(number(position.dx), number(position.dy or 0), other.heading_rad)
        heading = _relative_heading(position.orient, other.heading_rad)
        return Place(other.ahead_m + ahead, other.left_m + left, _wrapped(heading))

    def _world_from(self, position: Any, other: Place) -> Place:
        turned = number(self._ego_as(xosc.WorldPosition).h or 0)
        ahead, left = _turned(number(position.dx), number(position.dy or 0), -turned)
        heading = _relative_heading(position.orient, other.heading_rad)
        return Place(other.ahead_m + ahead, other.left_m + left, _wrapped(heading))


def _relative_heading(orientation: Any, base: float) -> float:
    """`base` turned by an orientation where one is given."""
    if orientation is None or orientation.h is None:
        return base
    if orientation.ref is not None and orientation.ref.name == "absolute":
        raise UnmappableError("an absolute orientation needs the file of the road")
    return base + number(orientation.h)


def _lane_id(lane_id: Any) -> int:
    result = round(number(lane_id))
    if not result:
        raise UnmappableError("lane 0 is no lane to drive on")
    return result


def _order(lane_id: Any) -> int:
    """Lanes of OpenDRIVE in a row without a gap: there is no lane 0."""
    number_of = _lane_id(lane_id)
    return number_of if number_of < 0 else number_of - 1


def _side(position: Any) -> int:
    """1 where a lane runs with its road, -1 where against it; traffic keeps right."""
    return 1 if _lane_id(position.lane_id) < 0 else -1


def _same_road(road: Any, own: Any) -> None:
    if str(road) != str(own):
        raise UnmappableError("on another road than the ego; how the roads lie needs the file of the road")


def _turned(ahead: float, left: float, by: float) -> tuple[float, float]:
    cos, sin = math.cos(by), math.sin(by)
    return ahead * cos - left * sin, ahead * sin + left * cos


def _wrapped(angle: float) -> float:
    """The same direction in -π..π."""
    return math.remainder(angle, 2 * math.pi)
