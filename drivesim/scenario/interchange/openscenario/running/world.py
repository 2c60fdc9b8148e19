"""Moving entities: their present places, their motion so far, and the distances between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from drivesim.geometry.cuboids import footprint
from drivesim.scenario.interchange.openscenario.reading.entities import Vehicle
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.places import Place, place_at, wrapped
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose, RoadMap

STEP_S = 0.02
COORDINATE_SYSTEMS = ("entity", "lane", "road", "trajectory")
"""The systems in which distances can be measured (see `World.gap`)."""
_ALONG_ROAD = 0.05
_LEAST_STRETCH = 0.1
_MAX_HOPS = 8


@dataclass(frozen=True)
class Sample:
    """The place of an entity's reference point at a time."""

    time_s: float
    pose: Pose
    speed_mps: float


@dataclass
class Entity:
    """The present state of one entity; `tracks` holds one list of samples per presence, a new one after a teleport.

    Attributes:
        speed_mps: Speed along its heading, negative backwards.
        stood_s: Time for which it has not moved.
    """

    name: str
    vehicle: Vehicle
    place: Place | None = None
    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0
    travelled_m: float = 0.0
    stood_s: float = 0.0
    led: bool = False
    tracks: list[list[Sample]] = field(default_factory=list)
    _speed_before: float = 0.0

    @property
    def here(self) -> Place:
        """The place of the entity.

        Raises:
            UnmappableError: It is not in the world.
        """
        if self.place is None:
            raise UnmappableError(f"{self.name} has no place")
        return self.place

    def put(self, place: Place | None, now_s: float, roads: RoadMap) -> None:
        """Moves the entity to another place, or removes it from the world."""
        self.place = place
        if place is not None:
            self.tracks.append([])
            self.record(now_s, roads)

    def record(self, now_s: float, roads: RoadMap) -> None:
        """Adds its present place to its track."""
        if self.place is not None:
            self.tracks[-1].append(Sample(now_s, self.place.pose(roads), self.speed_mps))

    def advance(self, roads: RoadMap) -> None:
        """Moves the entity by one step at the speed set by actions, unless an action moved it already (`led`)."""
        if self.place is None:
            return
        way = (self._speed_before + self.speed_mps) / 2 * STEP_S
        self.acceleration_mps2 = (self.speed_mps - self._speed_before) / STEP_S
        self._speed_before = self.speed_mps
        self.travelled_m += abs(way)
        self.stood_s = self.stood_s + STEP_S if abs(self.speed_mps) < 1e-3 else 0.0
        if not self.led:
            self.place = moved(self.place, way, roads)
        self.led = False

    def jump_to_speed(self, speed_mps: float) -> None:
        """Sets the speed without an acceleration."""
        self.speed_mps = self._speed_before = speed_mps


def moved(place: Place, way_m: float, roads: RoadMap) -> Place:
    """Returns the place after a distance: along the road if the place faces along it, or else straight on."""
    t = place.t(roads)
    stretch = max(1 - t * roads.curvature(place.road, place.s), _LEAST_STRETCH)
    if abs(math.sin(place.turned)) < _ALONG_ROAD:
        return _along(place, place.along * way_m / stretch, roads)
    ds = way_m * math.cos(place.turned) / stretch
    turned = place.turned - roads.curvature(place.road, place.s) * ds
    t += way_m * math.sin(place.turned)
    lane = roads.lane_at(place.road, place.s + ds, t)
    return Place(place.road, place.s + ds, lane, t - roads.lane_centre(place.road, place.s + ds, lane), wrapped(turned))


def _along(place: Place, ds: float, roads: RoadMap) -> Place:
    """Returns a place further along its lane, which can be on a following road or lane."""
    s = place.s + ds
    for _ in range(_MAX_HOPS):
        length = roads.length(place.road)
        if 0 <= s <= length:
            break
        end = length if s > length else 0.0
        following = roads.beyond(place.road, s > length, place.lane)
        if following is None:
            break
        road, at_start = following
        last = replace(place, s=end).pose(roads)
        entry = 0.0 if at_start else roads.length(road)
        middle = roads.pose(road, entry, 0.0)
        t = (last.y - middle.y) * math.cos(middle.heading) - (last.x - middle.x) * math.sin(middle.heading)
        turned = place.turned if at_start == (s > length) else wrapped(place.turned + math.pi)
        place = place_at(roads, road, entry, t, turned)
        s = abs(s - end) if at_start else entry - abs(s - end)
    if roads.section(place.road, s) != roads.section(place.road, place.s):
        return place_at(roads, place.road, s, place.t(roads), place.turned)
    return replace(place, s=s)


@dataclass
class World:
    """All entities, their roads, the time, and the parameters and variables that actions can set."""

    entities: Mapping[str, Entity]
    roads: RoadMap
    now_s: float = 0.0
    variables: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    def entity(self, name: str) -> Entity:
        """Returns an entity by name.

        Raises:
            UnmappableError: The file has no such entity.
        """
        if name not in self.entities:
            raise UnmappableError(f"there is no entity {name!r}")
        return self.entities[name]

    def place_of(self, name: str) -> Place:
        """Returns the place of an entity.

        Raises:
            UnmappableError: The entity is not in the world.
        """
        return self.entity(name).here

    def gap(self, entity: Entity, other: Entity, axis: str, system: str, freespace: bool) -> float:
        """Returns metres from an entity to another along an axis of the first, positive ahead or to the left.

        Args:
            entity: The entity to measure from.
            other: The entity to measure to.
            axis: `longitudinal` or `lateral`.
            system: `road` or `lane` to measure along the road if both are on the same one; otherwise the entity's own
                axes.
            freespace: Whether to measure between the boxes (0 if they overlap on the axis) instead of the reference
                points.
        """
        own, its = entity.here, other.here
        if system in ("road", "lane") and own.road == its.road:
            gap = its.s - own.s if axis == "longitudinal" else its.t(self.roads) - own.t(self.roads)
            gap *= own.along
            if not freespace:
                return gap
        else:
            gap = self.offset_to(entity, its.pose(self.roads))[axis == "lateral"]
            if not freespace:
                return gap
        turned = its.pose(self.roads).heading - own.pose(self.roads).heading
        return _between_boxes(gap, entity.vehicle, other.vehicle, turned, axis == "lateral")

    def gap_to_place(self, entity: Entity, place: Place, axis: str, system: str, freespace: bool) -> float:
        """Returns the same as `gap` for a place without extent."""
        if system in ("road", "lane") and entity.here.road == place.road:
            gap = place.s - entity.here.s if axis == "longitudinal" else place.t(self.roads) - entity.here.t(self.roads)
            gap *= entity.here.along
        else:
            gap = self.offset_to(entity, place.pose(self.roads))[axis == "lateral"]
        if not freespace:
            return gap
        point = replace(entity.vehicle, size_m=(0.0, 0.0, 0.0), ahead_m=0.0, left_m=0.0)
        return _between_boxes(gap, entity.vehicle, point, 0.0, axis == "lateral")

    def offset_to(self, entity: Entity, pose: Pose) -> tuple[float, float]:
        """Returns metres ahead of an entity and to its left."""
        own = entity.here.pose(self.roads)
        dx, dy = pose.x - own.x, pose.y - own.y
        cos, sin = math.cos(own.heading), math.sin(own.heading)
        return dx * cos + dy * sin, dy * cos - dx * sin

    def box(self, entity: Entity) -> np.ndarray:
        """Returns the corners `4 2` of its box on the ground; `footprint` counts headings from the y axis."""
        pose, vehicle = entity.here.pose(self.roads), entity.vehicle
        cos, sin = math.cos(pose.heading), math.sin(pose.heading)
        x = pose.x + vehicle.ahead_m * cos - vehicle.left_m * sin
        y = pose.y + vehicle.ahead_m * sin + vehicle.left_m * cos
        return footprint(np.array([x, y]), np.array(pose.heading - math.pi / 2), *vehicle.size_m[:2])


def _between_boxes(gap: float, own: Vehicle, other: Vehicle, turned: float, lateral: bool) -> float:
    """Returns the gap between boxes from that between reference points; the other box is turned to the left."""
    cos, sin = math.cos(turned), math.sin(turned)
    ahead, left = other.ahead_m * cos - other.left_m * sin, other.ahead_m * sin + other.left_m * cos
    extent = (abs(cos) * other.size_m[0] + abs(sin) * other.size_m[1]) / 2
    if lateral:
        middles, extent = gap + left - own.left_m, (abs(sin) * other.size_m[0] + abs(cos) * other.size_m[1]) / 2
    else:
        middles = gap + ahead - own.ahead_m
    apart = abs(middles) - own.size_m[1 if lateral else 0] / 2 - extent
    return math.copysign(max(apart, 0.0), middles)
