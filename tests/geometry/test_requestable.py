"""The rule holds in the same way for scenarios, footage, scores and the recorder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.data.columns import FrameColumns, VehicleColumns
from drivesim.data.drive_log_labels import FrameLabel, VehicleLabel
from drivesim.detection.adherence import adherence
from drivesim.detection.detections import Detections
from drivesim.geometry.requestable import (
    MAX_DISTANCE_M,
    MIN_BOX_SIDE,
    MIN_COUNTED_SIDE,
    MIN_VISIBLE_FRACTION,
    MIN_VISIBLE_FRACTION_AT_EDGE,
    longer_side,
)
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.scene import ActorView
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX, FRAME_HEIGHT_PX, FRAME_WIDTH_PX

Edges = tuple[float, float, float, float]


@st.composite
def visible_boxes(draw: st.DrawFn) -> Edges:
    """Boxes inside the frame with edges at quarters of pixels, many of them near the limits of the rule."""
    width, height = (draw(st.one_of(st.integers(1, 200), st.sampled_from((47, 48, 95, 96, 97)))) / 4 for _ in range(2))
    left = draw(st.one_of(st.integers(0, 12), st.integers(0, int(4 * (FRAME_WIDTH_PX - width))))) / 4
    top = draw(st.integers(0, int(4 * (FRAME_HEIGHT_PX - height)))) / 4
    return left, top, left + width, top + height


def view(box: Edges, visible_fraction: float = 1.0, distance_m: float = 20.0) -> ActorView:
    return ActorView(0, "car_0", "car", distance_m, box, box, visible_fraction)


def columns(box: Edges, visible_fraction: float) -> FrameColumns:
    label = FrameLabel(0.0, 0.0, 0.0, (VehicleLabel(1, "car", box, box, 20.0, visible_fraction),))
    vehicles = VehicleColumns.of([label], FRAME_WIDTH_PX, FRAME_HEIGHT_PX)
    return FrameColumns.of(vehicles, np.zeros(1), np.zeros((1, 2)))


def test_the_numbers_are_those_that_the_default_was_trained_with() -> None:
    """Other numbers need new training: footage, requests and scores of a model belong to one rule."""
    assert MIN_BOX_SIDE * FRAME_WIDTH_PX == 24
    assert MIN_COUNTED_SIDE * FRAME_WIDTH_PX == 12
    assert (MIN_VISIBLE_FRACTION, MIN_VISIBLE_FRACTION_AT_EDGE, MAX_DISTANCE_M) == (0.25, 0.08, 230.0)


@given(visible_boxes(), st.one_of(st.floats(0.0, 1.0), st.sampled_from((0.08, 0.25))))
def test_a_scenario_requests_what_footage_would_give_a_box(box: Edges, visible_fraction: float) -> None:
    in_footage = columns(box, visible_fraction)
    assert view(box, visible_fraction).may_be_requested == (in_footage.category[0, 0] == 0)
    if view(box, visible_fraction).may_be_requested:
        assert in_footage.crowdedness.tolist() == [1]


@given(visible_boxes())
def test_a_score_counts_as_unasked_what_could_have_been_requested(box: Edges) -> None:
    nothing = SceneLayout(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    xyxy = np.array([box], np.float32) / np.array(FRAME_EXTENT_PX, np.float32)
    found = Detections(xyxy, np.zeros(1, np.int64), np.ones(1, np.float32))
    assert adherence(nothing, found).unasked.tolist() == [view(box).may_be_requested]


@pytest.mark.parametrize(
    ("box", "fraction", "requested", "counted"),
    [
        ((100, 100, 124, 110), 1.0, True, True),
        ((100, 100, 110, 124), 1.0, True, True),
        ((100, 100, 123, 123), 1.0, False, True),
        ((100, 100, 111, 111), 1.0, False, False),
        ((100, 100, 150, 150), 0.25, True, True),
        ((100, 100, 150, 150), 0.24, False, False),
        ((1, 100, 50, 150), 0.08, True, True),
        ((2, 100, 50, 150), 0.08, False, False),
        ((974, 100, 1023, 150), 0.08, True, True),
        ((974, 100, 1022, 150), 0.08, False, False),
        ((1, 100, 50, 150), 0.07, False, False),
    ],
)
def test_limits_of_size_and_visibility(box: Edges, fraction: float, requested: bool, counted: bool) -> None:
    in_footage = columns(box, fraction)
    assert view(box, fraction).may_be_requested == requested == (in_footage.category[0, 0] == 0)
    assert in_footage.crowdedness.tolist() == [int(counted)]


def test_no_scenario_requests_a_vehicle_beyond_the_reach_of_labels() -> None:
    box = (100, 100, 150, 150)
    assert view(box, distance_m=MAX_DISTANCE_M).may_be_requested
    assert not view(box, distance_m=MAX_DISTANCE_M + 0.1).may_be_requested


def test_the_longer_side_is_measured_in_widths_of_the_frame() -> None:
    boxes = np.array([(0.4, 0.0, 0.8, 0.4), (0.4, 0.0, 0.5, 0.4)])
    assert longer_side(boxes).tolist() == pytest.approx([0.4, 0.2])
