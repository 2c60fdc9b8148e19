"""Trajectories as points on the way, against what they are by hand."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.curves import Curve, read_curve
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose


def pose_of(position: ET.Element) -> Pose:
    [said] = position
    return Pose(float(said.get("x")), float(said.get("y")), float(said.get("h", 0)))


def curve(shape: str) -> Curve:
    return read_curve(ET.fromstring(f"<Trajectory><Shape>{shape}</Shape></Trajectory>"), pose_of)


def at(x: float, y: float, tag: str = "Position") -> str:
    return f'<{tag}><WorldPosition x="{x}" y="{y}"/></{tag}>'


LINE = curve(
    f'<Polyline><Vertex time="0">{at(0, 0)}</Vertex><Vertex time="2">{at(30, 0)}</Vertex>'
    f'<Vertex time="4">{at(30, 40)}</Vertex></Polyline>'
)


@given(st.floats(0, 69))
def test_what_is_left_of_a_polyline_begins_where_it_is_entered(way: float) -> None:
    rest = LINE.after(way)
    assert rest.ways_m[-1] == pytest.approx(70 - way)
    assert rest.times_s[0] == pytest.approx(way / 15 if way <= 30 else 2 + (way - 30) / 20)
    assert rest.times_s[-1] == 4


def test_a_place_on_a_polyline_may_lie_beside_it() -> None:
    assert LINE.at(50, 3) == Pose(pytest.approx(27), pytest.approx(20), pytest.approx(math.pi / 2))


def test_a_trajectory_is_not_entered_beyond_its_end() -> None:
    with pytest.raises(UnmappableError, match="is 70 m long, and it is entered at 71 m"):
        LINE.after(71)


def test_an_arc_is_a_clothoid_of_constant_curvature() -> None:
    arc = curve(f'<Clothoid curvature="0.02" curvaturePrime="0" length="{25 * math.pi}">{at(0, 0)}</Clothoid>')
    places = np.array([(pose.x, pose.y) for pose in arc.poses])
    np.testing.assert_allclose(np.linalg.norm(places - (0, 50), axis=-1), 50, atol=1e-9)
    assert (arc.poses[-1].x, arc.poses[-1].y) == pytest.approx((50, 50))
    segment = '<ClothoidSplineSegment curvatureStart="0.02" curvatureEnd="0.02" length="{}">{}</ClothoidSplineSegment>'
    start = segment.format(25, at(0, 0, "PositionStart"))
    parts = curve(f"<ClothoidSpline>{start}{segment.format(25 * math.pi - 25, '')}</ClothoidSpline>")
    assert (parts.poses[-1].x, parts.poses[-1].y) == pytest.approx((50, 50))


def test_a_quarter_of_a_circle_is_a_curve_of_nurbs() -> None:
    points = "".join(
        f'<ControlPoint weight="{weight}">{at(x, y)}</ControlPoint>'
        for x, y, weight in ((10, 0, 1), (10, 10, math.sqrt(0.5)), (0, 10, 1))
    )
    knots = "".join(f'<Knot value="{value}"/>' for value in (0, 0, 0, 1, 1, 1))
    quarter = curve(f'<Nurbs order="3">{points}{knots}</Nurbs>')
    places = np.array([(pose.x, pose.y) for pose in quarter.poses])
    np.testing.assert_allclose(np.linalg.norm(places, axis=-1), 10, atol=1e-9)
    assert quarter.ways_m[-1] == pytest.approx(5 * math.pi, rel=1e-4)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("<Spiral/>", "a trajectory that is a Spiral is not supported"),
        (f"<Polyline><Vertex>{at(0, 0)}</Vertex></Polyline>", "a Polyline of 1 vertices"),
        ('<Nurbs order="3"/>', "NURBS whose order, control points and knots do not fit"),
        (f'<Clothoid curvature="0" length="1e8">{at(0, 0)}</Clothoid>', "a clothoid of 1e\\+08 m"),
        ("<ClothoidSpline/>", "a ClothoidSpline without segments"),
    ],
)
def test_what_is_no_curve_is_named(shape: str, message: str) -> None:
    with pytest.raises(UnmappableError, match=message):
        curve(shape)
