"""The plan view of an OpenDRIVE road: lines, arcs, spirals and parametric curves, one after another."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from drivesim.scenario.interchange.openscenario.reading.attributes import number, only_child
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class Geometry:
    """A piece of a road's line from `s` on; for a parametric curve, `curve` holds its coefficients of u and v."""

    s: float
    start: Pose
    length: float
    curvature: tuple[float, float] = (0.0, 0.0)
    curve: tuple[np.ndarray, np.ndarray, float] | None = None

    @classmethod
    def read(cls, element: ET.Element) -> Geometry:
        """Reads a `geometry` element.

        Raises:
            UnmappableError: The kind of line is not supported.
        """
        s, length = number(element, "s"), number(element, "length")
        start, shape = Pose(*(number(element, key) for key in ("x", "y", "hdg"))), only_child(element)
        match shape.tag:
            case "line":
                return cls(s, start, length)
            case "arc":
                curvature = number(shape, "curvature")
                return cls(s, start, length, (curvature, curvature))
            case "spiral":
                return cls(s, start, length, (number(shape, "curvStart"), number(shape, "curvEnd")))
            case "paramPoly3":
                u, v = (np.array([number(shape, f"{key}{axis}") for key in "abcd"]) for axis in "UV")
                per_metre = 1.0 if shape.get("pRange") == "arcLength" else 1 / max(length, 1e-9)
                return cls(s, start, length, curve=(u, v, per_metre))
        raise UnmappableError(f"a road of {shape.tag} is not supported")

    def at(self, s: float) -> Pose:
        """Returns position and direction at a station; beyond its ends, the road continues straight."""
        way = min(max(s - self.s, 0.0), self.length)
        ahead, left, turned = self._local(way)
        beyond = s - self.s - way
        ahead, left = ahead + beyond * math.cos(turned), left + beyond * math.sin(turned)
        cos, sin = math.cos(self.start.heading), math.sin(self.start.heading)
        x, y = self.start.x + ahead * cos - left * sin, self.start.y + ahead * sin + left * cos
        return Pose(x, y, self.start.heading + turned)

    def curvature_at(self, s: float) -> float:
        """Returns the curvature in 1/m, positive to the left; 0 beyond the ends."""
        way = s - self.s
        if not 0 <= way <= self.length or not self.length:
            return 0.0
        if self.curve is None:
            return self.curvature[0] + (self.curvature[1] - self.curvature[0]) * way / self.length
        step = min(0.05, self.length / 4)
        sooner, later = (self._local(min(max(way + by, 0.0), self.length)) for by in (-step, step))
        return math.remainder(later[2] - sooner[2], 2 * math.pi) / max(math.dist(sooner[:2], later[:2]), 1e-9)

    def _local(self, way: float) -> tuple[float, float, float]:
        if self.curve is not None:
            u, v, per_metre = self.curve
            powers = np.array([1.0, way * per_metre, (way * per_metre) ** 2, (way * per_metre) ** 3])
            slopes = np.array([0.0, 1.0, 2 * way * per_metre, 3 * (way * per_metre) ** 2])
            return float(u @ powers), float(v @ powers), math.atan2(float(v @ slopes), float(u @ slopes))
        first, last = self.curvature
        slope = (last - first) / self.length if self.length else 0.0
        turned = way * (first + slope * way / 2)
        if not first and not last:
            return way, 0.0, 0.0
        if first == last:
            return math.sin(turned) / first, (1 - math.cos(turned)) / first, turned
        nodes = way / 2 * (1 + _NODES)
        headings = nodes * (first + slope * nodes / 2)
        weights = way / 2 * _WEIGHTS
        return float(weights @ np.cos(headings)), float(weights @ np.sin(headings)), turned


@dataclass(frozen=True)
class Cubic:
    """The polynomial a + b x + c x² + d x³, with x counted from `start`."""

    start: float
    a: float
    b: float
    c: float
    d: float

    @classmethod
    def read(cls, element: ET.Element, start: str) -> Cubic:
        """Reads the coefficients of an element whose attribute `start` gives the beginning."""
        return cls(number(element, start), *(number(element, key, 0.0) for key in "abcd"))

    def at(self, s: float) -> float:
        """Returns the value at `s`."""
        x = s - self.start
        return self.a + x * (self.b + x * (self.c + x * self.d))


def piece_at(pieces: Sequence[Any], s: float, start: str) -> Any:
    """Returns the last of the sorted pieces that starts at or before `s`, or else the first; usually there is one."""
    if len(pieces) == 1:
        return pieces[0]
    index = bisect_right(pieces, s + 1e-9, key=attrgetter(start)) - 1
    return pieces[max(index, 0)]


def piecewise(pieces: list[Cubic], s: float) -> float:
    """Returns the value at `s` of sorted polynomials, each of which holds from its start on; 0 if there are none."""
    return piece_at(pieces, s, "start").at(s) if pieces else 0.0
