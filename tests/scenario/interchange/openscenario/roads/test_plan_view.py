"""Pieces of roads against the definitions of their kinds."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.plan_view import Cubic, Geometry, piecewise

LENGTH_M = 80.0
SHAPES = {
    "line": "<line/>",
    "arc to the left": '<arc curvature="0.02"/>',
    "arc to the right": '<arc curvature="-0.05"/>',
    "spiral": '<spiral curvStart="0" curvEnd="0.03"/>',
    "spiral that changes sides": '<spiral curvStart="0.02" curvEnd="-0.02"/>',
}


def geometry(shape: str, s: float = 100.0) -> Geometry:
    element = f'<geometry s="{s}" x="5" y="-3" hdg="0.7" length="{LENGTH_M}">{shape}</geometry>'
    return Geometry.read(ET.fromstring(element))


def parametric(b: float, c: float, d: float, p_range: str) -> Geometry:
    """The curve u = b p, v = c p² + d p³."""
    u, v = f'aU="0" bU="{b}" cU="0" dU="0"', f'aV="0" bV="0" cV="{c}" dV="{d}"'
    return geometry(f'<paramPoly3 pRange="{p_range}" {u} {v}/>')


@pytest.mark.parametrize("kind", SHAPES)
def test_a_pose_moves_along_its_heading_which_turns_by_the_curvature(kind: str) -> None:
    piece, step = geometry(SHAPES[kind]), 0.01
    assert piece.at(100) == piece.start
    for s in np.linspace(101, 179, 14):
        sooner, here, later = (piece.at(s + by) for by in (-step, 0, step))
        ahead, left = (later.x - sooner.x) / (2 * step), (later.y - sooner.y) / (2 * step)
        assert (ahead, left) == pytest.approx((math.cos(here.heading), math.sin(here.heading)), abs=1e-4)
        assert (later.heading - sooner.heading) / (2 * step) == pytest.approx(piece.curvature_at(s), abs=1e-6)


@pytest.mark.parametrize("kind", SHAPES)
@given(st.floats(0.1, 200))
def test_beyond_its_ends_a_piece_continues_straight(kind: str, way: float) -> None:
    piece = geometry(SHAPES[kind])
    for end, direction in ((100.0, -1), (100.0 + LENGTH_M, 1)):
        last, beyond = piece.at(end), piece.at(end + direction * way)
        assert beyond.heading == pytest.approx(last.heading)
        assert piece.curvature_at(end + direction * way) == 0
        moved = direction * way * math.cos(last.heading), direction * way * math.sin(last.heading)
        assert (beyond.x - last.x, beyond.y - last.y) == pytest.approx(moved, abs=1e-6)


def test_a_parametric_curve_is_the_same_over_metres_and_over_its_length() -> None:
    per_metre = parametric(1, 1 / 200, 1 / 60000, "arcLength")
    normalized = parametric(LENGTH_M, LENGTH_M**2 / 200, LENGTH_M**3 / 60000, "normalized")
    for x in (0.0, 20.0, 55.0, 80.0):
        here, left, slope = per_metre.at(100 + x), x**2 / 200 + x**3 / 60000, x / 100 + x**2 / 20000
        cos, sin = math.cos(0.7), math.sin(0.7)
        assert (here.x, here.y) == pytest.approx((5 + x * cos - left * sin, -3 + x * sin + left * cos))
        assert here.heading == pytest.approx(0.7 + math.atan(slope))
        assert tuple(vars(normalized.at(100 + x)).values()) == pytest.approx(tuple(vars(here).values()))
    bent = (1 / 100 + 40 / 10000) / (1 + (40 / 100 + 40**2 / 20000) ** 2) ** 1.5
    assert per_metre.curvature_at(140) == pytest.approx(bent, rel=1e-3)


def test_an_unknown_shape_is_named() -> None:
    with pytest.raises(UnmappableError, match="a road of poly3 is not supported"):
        geometry("<poly3/>")


def test_each_polynomial_holds_from_its_start_on() -> None:
    pieces = [Cubic(0.0, 3.0, 0.0, 0.0, 0.0), Cubic(10.0, 3.0, 0.5, 0.0, 0.0), Cubic(20.0, 1.0, 0.0, 0.0, 2.0)]
    assert [piecewise(pieces, s) for s in (-5, 5, 10, 14, 20, 21)] == [3, 3, 3, 5, 1, 3]
    assert piecewise([], 7.0) == 0
