"""Roads of an ASAM OpenDRIVE file, without heights: their lines with lanes, and how they are joined."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from drivesim.scenario.interchange.openscenario.reading.attributes import number, text, whole
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.plan_view import Cubic, Geometry, piece_at, piecewise
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose

_GRID_M, _NEWTON_STEPS, _FARTHEST_M, _BEYOND_M = 4.0, 6, 60.0, 500.0
_NARROWEST_M = 0.05
_DRIVING = ("driving", "entry", "exit", "onRamp", "offRamp", "bidirectional")


@dataclass(frozen=True)
class Section:
    """The lanes from a station on: their widths by id, and the ids of driving lanes."""

    s: float
    widths: dict[int, list[Cubic]]
    driving: frozenset[int]


@dataclass
class OdrRoad:
    """One road. `links` hold the successors at its start (False) and end (True): road or junction, id and contact."""

    id: str
    length: float
    left_hand: bool
    geometries: list[Geometry]
    offsets: list[Cubic]
    sections: list[Section]
    links: dict[bool, tuple[str, str, bool]] = field(default_factory=dict)

    @classmethod
    def read(cls, element: ET.Element) -> OdrRoad:
        geometries = [Geometry.read(part) for part in element.iterfind("planView/geometry")]
        sections = [_section(part) for part in element.iterfind("lanes/laneSection")]
        if not geometries or not sections:
            raise UnmappableError("a road without a line or lanes")
        links = {}
        for tag, at_end in (("predecessor", False), ("successor", True)):
            link = element.find(f"link/{tag}")
            if link is not None:
                entered = link.get("contactPoint", "start") == "start"
                links[at_end] = (link.get("elementType", "road"), link.get("elementId", ""), entered)
        offsets = [Cubic.read(part, "s") for part in element.iterfind("lanes/laneOffset")]
        left_hand = element.get("rule", "RHT") == "LHT"
        return cls(text(element, "id"), number(element, "length"), left_hand, geometries, offsets, sections, links)

    def pose(self, s: float) -> Pose:
        """Returns position and direction of the line."""
        return piece_at(self.geometries, s, "s").at(s)

    def curvature(self, s: float) -> float:
        """Returns the curvature in 1/m, positive to the left."""
        return piece_at(self.geometries, s, "s").curvature_at(s)

    def section(self, s: float) -> Section:
        return piece_at(self.sections, s, "s")

    def width(self, s: float, lane: int) -> float:
        section = self.section(s)
        if lane not in section.widths or lane == 0:
            raise UnmappableError(f"road {self.id} has no lane {lane} at {s:.4g} m")
        return max(piecewise(section.widths[lane], min(max(s, 0.0), self.length) - section.s), 0.0)

    def centre(self, s: float, lane: int) -> float:
        if lane == 0:
            return piecewise(self.offsets, min(max(s, 0.0), self.length))
        side = 1 if lane > 0 else -1
        between = sum(self.width(s, side * order) for order in range(1, abs(lane)))
        return piecewise(self.offsets, min(max(s, 0.0), self.length)) + side * (between + self.width(s, lane) / 2)

    def lanes(self, s: float) -> Iterator[tuple[int, float, float]]:
        """Yields each lane beside the line with the position of its centre and its width."""
        section, middle = self.section(s), self.centre(s, 0)
        for side in (1, -1):
            border, lane = 0.0, side
            while lane in section.widths:
                width = self.width(s, lane)
                yield lane, middle + side * (border + width / 2), width
                border, lane = border + width, lane + side

    @cached_property
    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Stations `n` and positions `n 2` along the line."""
        stations = np.linspace(0.0, self.length, max(2, math.ceil(self.length / _GRID_M) + 1))
        return stations, np.array([(pose.x, pose.y) for pose in map(self.pose, stations)])


def _section(element: ET.Element) -> Section:
    widths: dict[int, list[Cubic]] = {}
    driving = set()
    for lane in element.iter("lane"):
        number_of = whole(lane, "id")
        widths[number_of] = [Cubic.read(part, "sOffset") for part in lane.iterfind("width")]
        if lane.get("type", "driving") in _DRIVING and number_of:
            driving.add(number_of)
    return Section(number(element, "s", 0.0), widths, frozenset(driving))


@dataclass(frozen=True)
class Connection:
    """A connection through a junction for some lanes of the incoming road; `at_start` is where it is entered."""

    incoming: str
    connecting: str
    at_start: bool
    lanes: frozenset[int]


@dataclass
class OpenDrive:
    """The roads of a file by id; implements `RoadMap`."""

    roads: dict[str, OdrRoad]
    junctions: dict[str, list[Connection]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: ET.Element) -> OpenDrive:
        """Reads the roads of a file.

        Raises:
            UnmappableError: The file holds something that is not supported.
        """
        roads = [OdrRoad.read(element) for element in root.iterfind("road")]
        if not roads:
            raise UnmappableError("it holds no road")
        junctions = {
            junction.get("id", ""): [
                Connection(
                    part.get("incomingRoad", ""),
                    part.get("connectingRoad", ""),
                    part.get("contactPoint") == "start",
                    frozenset(whole(link, "from") for link in part.iterfind("laneLink")),
                )
                for part in junction.iterfind("connection")
            ]
            for junction in root.iterfind("junction")
        }
        return cls({road.id: road for road in roads}, junctions)

    def require(self, road: str) -> None:
        if road not in self.roads:
            raise UnmappableError(f"there is no road {road!r} in the road file")

    def pose(self, road: str, s: float, t: float) -> Pose:
        line = self.roads[road].pose(s)
        return Pose(line.x - t * math.sin(line.heading), line.y + t * math.cos(line.heading), line.heading)

    def curvature(self, road: str, s: float) -> float:
        return self.roads[road].curvature(s)

    def lane_centre(self, road: str, s: float, lane: int) -> float:
        return self.roads[road].centre(s, lane)

    def lane_width(self, road: str, s: float, lane: int) -> float:
        return self.roads[road].width(s, lane)

    def lane_at(self, road: str, s: float, t: float) -> int:
        beside = (
            (abs(centre - t) - width / 2, lane)
            for lane, centre, width in self.roads[road].lanes(s)
            if width > _NARROWEST_M
        )
        nearest = min(beside, default=None)
        if nearest is None:
            raise UnmappableError(f"road {road} has no lane at {s:.4g} m")
        return nearest[1]

    def runs_along(self, road: str, lane: int) -> bool:
        return (lane > 0) == self.roads[road].left_hand

    def beside(self, road: str, s: float, lane: int, lanes_left: int) -> int:
        lanes = sorted(other for other in self.roads[road].section(s).widths if other)
        index = lanes.index(lane) + lanes_left if lane in lanes else -1
        if not 0 <= index < len(lanes):
            raise UnmappableError(f"road {road} has no lane {lanes_left:+d} beside lane {lane}")
        return lanes[index]

    def length(self, road: str) -> float:
        return self.roads[road].length

    def section(self, road: str, s: float) -> int:
        return self.roads[road].sections.index(self.roads[road].section(s)) if len(self.roads[road].sections) > 1 else 0

    def beyond(self, road: str, at_end: bool, lane: int) -> tuple[str, bool] | None:
        kind, name, entered = self.roads[road].links.get(at_end, ("", "", True))
        if kind == "road" and name in self.roads:
            return name, entered
        connections = [
            part
            for part in self.junctions.get(name, [])
            if kind == "junction" and part.incoming == road and part.connecting in self.roads
        ]
        # The connection of the lane, and among several the straightest.
        best = min(connections, key=lambda part: (lane not in part.lanes, self._turned(part.connecting)), default=None)
        return None if best is None else (best.connecting, best.at_start)

    def locate(self, x: float, y: float) -> tuple[str, float, float] | None:
        point, found = np.array([x, y]), []
        for candidate in self.roads.values():
            stations, places = candidate.grid
            distances = np.linalg.norm(places - point, axis=-1)
            found.append((float(distances.min()), candidate.id, float(stations[distances.argmin()])))
        beyond: list[tuple[float, str, float, float]] = []
        for _, road, start in sorted(found)[:3]:
            s = start
            for _ in range(_NEWTON_STEPS):
                pose = self.roads[road].pose(s)
                s += (x - pose.x) * math.cos(pose.heading) + (y - pose.y) * math.sin(pose.heading)
            pose = self.roads[road].pose(s)
            t = (y - pose.y) * math.cos(pose.heading) - (x - pose.x) * math.sin(pose.heading)
            if -1e-6 <= s <= self.length(road) + 1e-6 and abs(t) <= _FARTHEST_M:
                return road, s, t
            beyond.append((abs(t) + max(-s, s - self.length(road)), road, s, t))
        distance, road, s, t = min(beyond)
        return (road, s, t) if distance <= _BEYOND_M else None

    def _turned(self, road: str) -> float:
        """Returns the total turn of a road."""
        first, last = self.roads[road].pose(0.0), self.roads[road].pose(self.length(road))
        return abs(math.remainder(last.heading - first.heading, 2 * math.pi))
