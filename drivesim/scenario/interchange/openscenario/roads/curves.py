"""Trajectories of OpenSCENARIO as points on a path: polylines, clothoids, clothoid splines and NURBS."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from drivesim.scenario.interchange.openscenario.reading.attributes import child, number, only_child, whole
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.plan_view import Geometry
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose

_STEP_M, _NURBS_POINTS, _MAX_POINTS = 0.5, 200, 20_000

PoseOf = Callable[[ET.Element], Pose]
"""A function that returns the pose of a Position element."""


@dataclass(frozen=True)
class Curve:
    """Poses on a path, with times if the file gives them; `turns` says whether the file gives the headings, too."""

    poses: tuple[Pose, ...]
    times_s: tuple[float, ...] | None
    turns: bool = False

    @property
    def ways_m(self) -> np.ndarray:
        """Metres along the path from the first pose to each pose."""
        steps = [math.dist((a.x, a.y), (b.x, b.y)) for a, b in zip(self.poses, self.poses[1:], strict=False)]
        return np.concatenate([[0.0], np.cumsum(steps)])

    def at(self, way_m: float, left_m: float = 0.0) -> Pose:
        """Returns the pose after a distance, `left_m` to the left of the curve, interpolated between poses."""
        ways = self.ways_m
        index = int(np.clip(np.searchsorted(ways, way_m, side="right") - 1, 0, len(ways) - 2))
        first, last = self.poses[index], self.poses[index + 1]
        share = (way_m - ways[index]) / max(ways[index + 1] - ways[index], 1e-9)
        heading = math.atan2(last.y - first.y, last.x - first.x)
        x, y = (a + share * (b - a) for a, b in ((first.x, last.x), (first.y, last.y)))
        return Pose(x - left_m * math.sin(heading), y + left_m * math.cos(heading), heading)

    def after(self, way_m: float) -> Curve:
        """Returns the rest of the curve after a distance; its times are not changed."""
        if way_m <= 0:
            return self
        ways = self.ways_m
        if way_m >= ways[-1]:
            raise UnmappableError(f"the trajectory is {ways[-1]:.4g} m long, and it is entered at {way_m:.4g} m")
        first = int(np.searchsorted(ways, way_m, side="right"))
        times = None
        if self.times_s is not None:
            times = (float(np.interp(way_m, ways, self.times_s)), *self.times_s[first:])
        return Curve((self.at(way_m), *self.poses[first:]), times, self.turns)


def read_curve(trajectory: ET.Element, pose_of: PoseOf, here: Pose | None = None) -> Curve:
    """Returns the curve of a Trajectory element, which starts at `here` if it gives no start.

    Raises:
        UnmappableError: The kind of curve is not supported.
    """
    shape = only_child(child(trajectory, "Shape"))
    match shape.tag:
        case "Polyline":
            return _polyline(shape, pose_of)
        case "Clothoid":
            return _clothoid(shape, pose_of)
        case "ClothoidSpline":
            return _clothoid_spline(shape, pose_of, here)
        case "Nurbs":
            return _nurbs(shape, pose_of)
    raise UnmappableError(f"a trajectory that is a {shape.tag} is not supported")


def _polyline(shape: ET.Element, pose_of: PoseOf) -> Curve:
    vertices = shape.findall("Vertex")
    if not 2 <= len(vertices) <= _MAX_POINTS:
        raise UnmappableError(f"a Polyline of {len(vertices)} vertices")
    positions = [child(vertex, "Position") for vertex in vertices]
    turns = all(any("h" in part.attrib for part in position.iter()) for position in positions)
    timed = all("time" in vertex.attrib for vertex in vertices)
    times = tuple(number(vertex, "time") for vertex in vertices) if timed else None
    return Curve(tuple(pose_of(position) for position in positions), times, turns)


def _clothoid(shape: ET.Element, pose_of: PoseOf) -> Curve:
    length, curvature = number(shape, "length"), number(shape, "curvature")
    prime = number(shape, "curvaturePrime") if "curvaturePrime" in shape.attrib else number(shape, "curvatureDot", 0.0)
    poses = _arc(pose_of(child(shape, "Position")), length, curvature, curvature + prime * length)
    if not {"startTime", "stopTime"} <= set(shape.attrib):
        return Curve(tuple(poses), None)
    times = np.linspace(number(shape, "startTime"), number(shape, "stopTime"), len(poses))
    return Curve(tuple(poses), tuple(times.tolist()), True)


def _clothoid_spline(shape: ET.Element, pose_of: PoseOf, here: Pose | None) -> Curve:
    poses: list[Pose] = []
    for segment in shape.iterfind("ClothoidSplineSegment"):
        start = segment.find("PositionStart")
        first = pose_of(start) if start is not None else poses[-1] if poses else here
        if first is None:
            raise UnmappableError("a ClothoidSpline without a PositionStart")
        part = _arc(
            first, number(segment, "length"), number(segment, "curvatureStart"), number(segment, "curvatureEnd")
        )
        poses += part[1:] if poses else part
    if len(poses) < 2:
        raise UnmappableError("a ClothoidSpline without segments")
    return Curve(tuple(poses), None)


def _arc(first: Pose, length: float, start: float, stop: float) -> list[Pose]:
    count = math.ceil(length / _STEP_M) + 1
    if not 2 <= count <= _MAX_POINTS:
        raise UnmappableError(f"a clothoid of {length:.4g} m")
    line = Geometry(0.0, first, length, (start, stop))
    return [line.at(length * index / (count - 1)) for index in range(count)]


def _nurbs(shape: ET.Element, pose_of: PoseOf) -> Curve:
    order, points = whole(shape, "order"), shape.findall("ControlPoint")
    knots = np.array([number(knot, "value") for knot in shape.iterfind("Knot")])
    if not 2 <= order <= len(points) <= _MAX_POINTS or len(knots) != len(points) + order or (np.diff(knots) < 0).any():
        raise UnmappableError("NURBS whose order, control points and knots do not fit")
    places = [pose_of(child(point, "Position")) for point in points]
    timed = all("time" in point.attrib for point in points)
    table = [(pose.x, pose.y, number(p, "time", 0.0), 1.0) for pose, p in zip(places, points, strict=True)]
    weights = np.array([number(point, "weight", 1.0) for point in points])
    spline = BSpline(knots, np.array(table) * weights[:, None], order - 1)
    found = spline(np.linspace(knots[order - 1], knots[len(points)], _NURBS_POINTS))
    x, y, times, _ = (found / found[:, 3:]).T
    headings = np.arctan2(np.gradient(y), np.gradient(x))
    poses = tuple(Pose(*(float(part) for part in row)) for row in zip(x, y, headings, strict=True))
    return Curve(poses, tuple(times.tolist()) if timed else None)
