"""Exact labels of the road in a picture: its painted lines, its edges, and the drivable area."""

from __future__ import annotations

import numpy as np

from drivesim.data.drive_log_labels import RoadElement
from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.ground_view import GroundShapes, in_view
from drivesim.scenario.schema.vocabulary import ROAD_KINDS
from drivesim.world.pose import CameraPose
from drivesim.world.scenery.markings import Markings, street_dashes
from drivesim.world.traffic.road import Road

_LANE_LINE, _ROAD_EDGE, _DRIVABLE_AREA = (
    ROAD_KINDS.index(kind) for kind in ("lane_line", "road_edge", "drivable_area")
)
_STEP_M = 3.0
"""Longest straight piece of a line along the road."""
_MEDIAN_GAP_M = 4.0
"""The median ends this far before a side street."""
_DECIMALS = 1


class RoadLabeller:
    """A labeller of the road of one world in any picture.

    Args:
        road: The road.
        markings: Its painted lines.
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels.
    """

    def __init__(self, road: Road, markings: Markings, width: int, height: int) -> None:
        self._size = (width, height)
        self._ground = GroundShapes.of(_lines(road, markings), _areas(road))

    def label(self, camera: CameraPose) -> tuple[RoadElement, ...]:
        """Returns the lines and areas that the picture shows if nothing hides them."""
        width, height = self._size
        pinhole = PinholeCamera(width, height, camera.horizontal_fov_rad, camera.z_m, camera.pitch_rad)
        # The world measures headings from +x, the geometry of the camera from +y.
        seen = in_view(self._ground, np.array([camera.x_m, camera.y_m]), camera.heading_rad - np.pi / 2, pinhole)
        return tuple(
            RoadElement(ROAD_KINDS[kind], tuple((x, y) for x, y in points.round(_DECIMALS).tolist()))
            for kind, points in zip(seen.kind, seen.points, strict=True)
        )


def _lines(road: Road, markings: Markings) -> list[tuple[int, np.ndarray]]:
    lines = [
        (_LANE_LINE, _along(road, line.offset_m, start, stop))
        for line in markings.lines
        for start, stop in line.stretches
    ]
    for side in (1, -1):
        lines += [(_ROAD_EDGE, _along(road, road.edge_m(side), *piece)) for piece in _between_streets(road, side)]
    for street in road.side_streets:
        for side in (1, -1):
            if not street.opens_to(side):
                continue
            edge = road.edge_m(side)
            far = edge + side * street.length_m
            for border in (-street.half_width_m, street.half_width_m):
                lines.append((_ROAD_EDGE, _across(road, street.station_m + border, edge, far)))
            for near, end in street_dashes(road, street, side):
                lines.append((_LANE_LINE, _across(road, street.station_m, near, end)))
    return lines


def _areas(road: Road) -> list[tuple[int, np.ndarray]]:
    """Returns the carriageways, side streets, and gaps of the median, which overlap or touch."""
    half = road.median_m / 2
    spans = [(road.right_edge_m, -half), (half, road.left_edge_m)] if half else [(road.right_edge_m, road.left_edge_m)]
    areas = [_strip(road, 0.0, road.length_m, right, left) for right, left in spans]
    for street in road.side_streets:
        start, stop = street.station_m - street.half_width_m, street.station_m + street.half_width_m
        if half:
            areas.append(_strip(road, start - _MEDIAN_GAP_M, stop + _MEDIAN_GAP_M, -half, half))
        for side in (1, -1):
            if street.opens_to(side):
                edge = road.edge_m(side)
                areas.append(_strip(road, start, stop, edge, edge + side * street.length_m))
    return [(_DRIVABLE_AREA, area) for area in areas]


def _between_streets(road: Road, side: int) -> list[tuple[float, float]]:
    """Returns start and end of each stretch of the edge on `side` between the mouths of side streets."""
    mouths = [s for s in road.side_streets if s.opens_to(side)]
    starts = [0.0, *(street.station_m + street.half_width_m for street in mouths)]
    stops = [*(street.station_m - street.half_width_m for street in mouths), road.length_m]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if stop > start]


def _along(road: Road, offset: float, start: float, stop: float) -> np.ndarray:
    stations = np.linspace(start, stop, max(2, int(np.ceil((stop - start) / _STEP_M)) + 1))
    return road.position(stations, offset)[0][:, :2]


def _across(road: Road, station: float, start: float, stop: float) -> np.ndarray:
    return road.position(station, np.array([start, stop]))[0][:, :2]


def _strip(road: Road, start: float, stop: float, right: float, left: float) -> np.ndarray:
    return np.concatenate([_along(road, right, start, stop), _along(road, left, start, stop)[::-1]])
