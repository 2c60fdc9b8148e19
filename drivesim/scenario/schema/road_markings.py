"""What a scenario's road looks like to the models: its edges, its painted lines, and the area to drive on.

Lines are painted as on most roads of the recorded footage: an edge line on each side, a double line between the two
directions, and dashes between lanes of one direction. Dashes begin at the camera of the first frame, so that they keep
their places on the road while the ego moves.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.ground_view import MAX_ROAD_DISTANCE_M, GroundShapes, in_view
from drivesim.scenario.schema.road import Road
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import ROAD_KINDS

DASH_M, DASH_EVERY_M = 3.0, 12.0
"""Length of a dash, and distance from its beginning to that of the next."""
EDGE_LINE_INSIDE_M, DOUBLE_LINE_M = 0.22, 0.3
"""Distance from the edge of the road to its edge line, and between the two middle lines."""
_BEHIND_M, _STEP_M, _BLOCK_M = 20.0, 2.0, 48.0
_LANE_LINE, _ROAD_EDGE, _DRIVABLE_AREA = (
    ROAD_KINDS.index(kind) for kind in ("lane_line", "road_edge", "drivable_area")
)


def road_view(road: Road, position_m: np.ndarray, heading_rad: float | np.ndarray, camera: PinholeCamera) -> RoadView:
    """Returns the road in the frame of a camera.

    Args:
        road: The road.
        position_m: Place `2` of the camera.
        heading_rad: Heading of the camera, 0 along y and positive to the left.
        camera: The camera.
    """
    station, _ = road.line.project(np.asarray(position_m)[None])
    block = int(np.floor(float(station[0]) / _BLOCK_M))
    seen = in_view(_ground(road, block), position_m, heading_rad, camera)
    size = np.array([camera.width_px, camera.height_px])
    return RoadView(
        kind=seen.kind,
        length=np.array([len(points) for points in seen.points], np.int64),
        points=(np.concatenate([np.zeros((0, 2)), *seen.points]) / size).astype(np.float32),
    )


def line_offsets(road: Road) -> tuple[list[float], list[float]]:
    """Returns the solid and the dashed lines of a road, in metres to the left of the ego lane's middle."""
    right, left = road.edges_m
    solid = [right + EDGE_LINE_INSIDE_M, left - EDGE_LINE_INSIDE_M]
    dashed = []
    for lane in range(road.rightmost + 1, road.leftmost + 1):
        lateral = (lane - 0.5) * road.lane_width_m
        if lane == road.first_oncoming:
            solid += [lateral - DOUBLE_LINE_M / 2, lateral + DOUBLE_LINE_M / 2]
        else:
            dashed.append(lateral)
    return solid, dashed


@lru_cache(maxsize=64)
def _ground(road: Road, block: int) -> GroundShapes:
    """The road around the stretch of stations with this number, which is `_BLOCK_M` long."""
    low, high = block * _BLOCK_M - _BEHIND_M, (block + 1) * _BLOCK_M + MAX_ROAD_DISTANCE_M

    def along(lateral: float, start: float, stop: float) -> np.ndarray:
        stations = np.linspace(start, stop, max(2, round((stop - start) / _STEP_M) + 1))
        return road.line.position(stations, np.full_like(stations, lateral))

    solid, dashed = line_offsets(road)
    right, left = road.edges_m
    starts = np.arange(np.ceil(low / DASH_EVERY_M), high / DASH_EVERY_M) * DASH_EVERY_M
    lines = [(_ROAD_EDGE, along(lateral, low, high)) for lateral in (right, left)]
    lines += [(_LANE_LINE, along(lateral, low, high)) for lateral in solid]
    lines += [(_LANE_LINE, along(lateral, start, start + DASH_M)) for lateral in dashed for start in starts]
    area = np.concatenate([along(right, low, high), along(left, low, high)[::-1]])
    return GroundShapes.of(lines, [(_DRIVABLE_AREA, area)])
