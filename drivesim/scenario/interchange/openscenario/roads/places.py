"""Positions of entities, on a road or away from all roads, and the Position elements that describe them."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace

from drivesim.scenario.interchange.openscenario.reading.attributes import (
    child,
    choice,
    number,
    only_child,
    text,
    whole,
)
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError, unsupported
from drivesim.scenario.interchange.openscenario.roads.curves import read_curve
from drivesim.scenario.interchange.openscenario.roads.road_map import AssumedRoad, Pose, RoadMap

_NEAR_ROAD_RAD = 0.1


@dataclass(frozen=True)
class Place:
    """A position on a road: in `lane`, `offset` metres to the left of its centre, turned by `turned` radians.

    The directions are those of the road, towards increasing `s`.
    """

    road: str
    s: float
    lane: int
    offset: float = 0.0
    turned: float = 0.0

    @property
    def along(self) -> int:
        """1 if the heading is towards increasing `s`, or else -1."""
        return 1 if math.cos(self.turned) >= 0 else -1

    def t(self, roads: RoadMap) -> float:
        """Returns metres to the left of the road's line."""
        return roads.lane_centre(self.road, self.s, self.lane) + self.offset

    def pose(self, roads: RoadMap) -> Pose:
        """Returns the pose in the plane."""
        found = roads.pose(self.road, self.s, self.t(roads))
        return replace(found, heading=found.heading + self.turned)


PlaceOf = Callable[[str], Place]
"""A function that returns the place of an entity; it raises UnmappableError if the place is not known."""


def place_at(roads: RoadMap, road: str, s: float, t: float, turned: float = 0.0) -> Place:
    """Returns the place in the nearest lane."""
    lane = roads.lane_at(road, s, t)
    return Place(road, s, lane, t - roads.lane_centre(road, s, lane), wrapped(turned))


def place_in_plane(roads: RoadMap, pose: Pose) -> Place:
    """Returns the place of a pose relative to the nearest road.

    Raises:
        UnmappableError: No road is near.
    """
    found = roads.locate(pose.x, pose.y)
    if found is None:
        raise UnmappableError("no road is near its position")
    road, s, t = found
    turned = wrapped(pose.heading - roads.pose(road, s, t).heading)
    for exact in (0.0, math.pi, -math.pi):
        if abs(turned - exact) < _NEAR_ROAD_RAD:
            turned = exact  # a vehicle that nearly follows a road is taken to follow it
    return place_at(roads, road, s, t, turned)


def resolve(position: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    """Returns the place that a Position element describes.

    Raises:
        UnmappableError: The place cannot be determined.
    """
    said = only_child(position)
    kinds = {
        "LanePosition": _in_lane,
        "RoadPosition": _on_road,
        "WorldPosition": _in_world,
        "RelativeLanePosition": _lanes_from,
        "RelativeRoadPosition": _road_from,
        "RelativeObjectPosition": _object_from,
        "RelativeWorldPosition": _world_from,
        "TrajectoryPosition": _on_trajectory,
    }
    if said.tag not in kinds:
        raise unsupported(said.tag)
    return kinds[said.tag](said, roads, place_of)


def referred(position: ET.Element) -> str | None:
    """Returns the entity that a Position element is relative to, or None for an absolute position."""
    said = next(iter(position), None)
    return None if said is None else said.get("entityRef")


def wrapped(angle: float) -> float:
    """Returns the same angle in -π..π."""
    return math.remainder(angle, 2 * math.pi)


def _in_lane(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    road, lane, s = text(said, "roadId"), whole(said, "laneId"), number(said, "s")
    roads.require(road)
    centre = roads.lane_centre(road, s, lane)
    if lane == 0:  # the line of the road itself
        return place_at(
            roads, road, s, centre + number(said, "offset", 0.0), _turned(said, 0.0, roads.pose(road, s, 0.0).heading)
        )
    base = 0.0 if roads.runs_along(road, lane) else math.pi
    turned = _turned(said, base, roads.pose(road, s, 0.0).heading)
    return Place(road, s, lane, number(said, "offset", 0.0), turned)


def _on_road(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    road, s, t = text(said, "roadId"), number(said, "s"), number(said, "t")
    roads.require(road)
    return place_at(roads, road, s, t, _turned(said, 0.0, roads.pose(road, s, t).heading))


def _in_world(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    if isinstance(roads, AssumedRoad) and roads.name is not None:
        raise UnmappableError("a WorldPosition needs an ego whose position is in the world")
    return place_in_plane(roads, Pose(number(said, "x"), number(said, "y"), number(said, "h", 0.0)))


def _lanes_from(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    other = place_of(text(said, "entityRef"))
    ahead = number(said, "ds") if "ds" in said.attrib else number(said, "dsLane", 0.0)
    s = other.s + other.along * ahead
    lane = roads.beside(other.road, other.s, other.lane, other.along * whole(said, "dLane"))
    base = other.turned
    turned = _turned(said, base, roads.pose(other.road, s, 0.0).heading)
    return Place(other.road, s, lane, other.along * number(said, "offset", 0.0), turned)


def _road_from(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    other = place_of(text(said, "entityRef"))
    s, t = (base + other.along * number(said, key) for base, key in ((other.s, "ds"), (other.t(roads), "dt")))
    return place_at(roads, other.road, s, t, _turned(said, other.turned, roads.pose(other.road, s, t).heading))


def _object_from(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    other = place_of(text(said, "entityRef"))
    return _moved(said, roads, other, other.pose(roads).heading)


def _world_from(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    if isinstance(roads, AssumedRoad) and roads.name is not None:
        raise UnmappableError("a RelativeWorldPosition needs an ego whose position is in the world")
    return _moved(said, roads, place_of(text(said, "entityRef")), 0.0)


def _on_trajectory(said: ET.Element, roads: RoadMap, place_of: PlaceOf) -> Place:
    curve = read_curve(
        child(said, "TrajectoryRef/Trajectory"), lambda other: resolve(other, roads, place_of).pose(roads)
    )
    pose = curve.at(number(said, "s"), number(said, "t", 0.0))
    found = place_in_plane(roads, pose)
    return replace(found, turned=_turned(said, found.turned, pose.heading - found.turned))


def _moved(said: ET.Element, roads: RoadMap, other: Place, axis: float) -> Place:
    """Returns a place relative to another entity, by distances along and across an axis of the plane."""
    pose, dx, dy = other.pose(roads), number(said, "dx"), number(said, "dy", 0.0)
    x = pose.x + dx * math.cos(axis) - dy * math.sin(axis)
    y = pose.y + dx * math.sin(axis) + dy * math.cos(axis)
    found = place_in_plane(roads, Pose(x, y, pose.heading))
    return replace(found, turned=_turned(said, found.turned, pose.heading - found.turned))


def _turned(said: ET.Element, base: float, road_heading: float) -> float:
    """Returns radians from the road's direction: `base` turned by an Orientation, or an absolute one."""
    orientation = said.find("Orientation")
    if orientation is None or "h" not in orientation.attrib:
        return wrapped(base)
    if choice(orientation, "type", ("relative", "absolute"), "relative") == "absolute":
        return wrapped(number(orientation, "h") - road_heading)
    return wrapped(base + number(orientation, "h"))


def position_in(element: ET.Element) -> ET.Element:
    """Returns the Position in an element."""
    return child(element, "Position")
