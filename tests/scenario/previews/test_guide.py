"""The lines to draw boxes by."""

from __future__ import annotations

import math

from drivesim.scenario import parse_scenario
from drivesim.scenario.previews import ground_guide

BASE = "format: 1\nname: road\n"


def test_marks_are_where_the_road_is_at_that_distance() -> None:
    guide = ground_guide(parse_scenario(BASE.encode()))
    rows = [row for _, row in guide.marks]
    assert rows == sorted(rows, reverse=True)
    for metres, row in guide.marks:
        angle = math.atan((row - 256) / guide.focal_length_px) - guide.pitch_rad
        assert abs(guide.camera_height_m / math.tan(angle) - metres) < 0.01 * metres


def test_lanes_run_towards_the_horizon_and_stay_below_it() -> None:
    guide = ground_guide(parse_scenario(BASE.encode()))
    for _, points in guide.lanes:
        assert all(y > guide.horizon_px for _, y in points)
        assert abs(points[-1][1] - guide.horizon_px) < 10


def test_the_guide_is_that_of_the_scenarios_camera_and_road() -> None:
    other = BASE + "camera: {pitch_deg: -5}\nroad: {lanes: 1, oncoming_lanes: 0}\n"
    guide, usual = (ground_guide(parse_scenario(text.encode())) for text in (other, BASE))
    assert guide.horizon_px < usual.horizon_px
    assert (len(guide.lanes), len(usual.lanes)) == (2, 5)
    assert [edge for edge, _ in guide.lanes] == [True, True]
