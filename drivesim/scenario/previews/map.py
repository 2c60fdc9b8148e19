"""A scene from above: lanes, the ego and its field of view, the actors, and their paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import cv2
import numpy as np

from drivesim.geometry.cuboids import footprint
from drivesim.scenario.previews.drawing import WHITE, Colour
from drivesim.scenario.schema.actors import DEFAULT_SIZE_M
from drivesim.scenario.schema.road import Road
from drivesim.scenario.schema.scene import Scene

MAP_WIDTH_PX = 256
_PX_PER_M = 5.5
_EGO_FROM_BOTTOM = 0.2
_GROUND, _ASPHALT, _LINE, _EGO, _VIEW = (58, 66, 58), (84, 84, 88), (200, 200, 200), (240, 240, 240), (112, 118, 128)
_FIXED_POINT_BITS = 4
_DASH_EVERY_M, _DASH_M = 12, 5

_Fill = Callable[[np.ndarray, Colour], None]
_Line = Callable[[np.ndarray, Colour], None]


def draw_map(
    scene: Scene, time_s: float, duration_s: float, height_px: int, colours: Mapping[str, Colour]
) -> np.ndarray:
    """Returns the road around the ego at `time_s` from above, uint8 RGB `h w c`.

    The road's direction points upwards. Paths span the duration. `colours` gives the colour of each category.
    """
    picture = np.full((height_px, MAP_WIDTH_PX, 3), _GROUND, np.uint8)
    ego = scene.ego.at(time_s)

    def pixels(points: np.ndarray) -> np.ndarray:
        """Returns places `n 2` on the road as fixed-point pixels."""
        right, forward = (points - ego.position_m).T * _PX_PER_M
        place = np.column_stack([MAP_WIDTH_PX / 2 + right, height_px * (1 - _EGO_FROM_BOTTOM) - forward])
        return (np.clip(place, -3000, 3000) * (1 << _FIXED_POINT_BITS)).round().astype(np.int32)

    def fill(points: np.ndarray, colour: Colour) -> None:
        cv2.fillPoly(picture, [pixels(points)], colour, cv2.LINE_AA, _FIXED_POINT_BITS)

    def line(points: np.ndarray, colour: Colour) -> None:
        cv2.polylines(picture, [pixels(points)], False, colour, 1, cv2.LINE_AA, _FIXED_POINT_BITS)

    station, _ = scene.road.line.project(ego.position_m[None])
    _draw_lanes(scene.road, float(station[0]), height_px / _PX_PER_M, fill, line)
    half = scene.camera.horizontal_fov_rad / 2
    angles = ego.heading_rad + np.linspace(-half, half, 9)
    rim = ego.position_m + 200 * np.column_stack([-np.sin(angles), np.cos(angles)])
    line(np.vstack([rim[:1], ego.position_m, rim[-1:]]), _VIEW)

    ego_path, paths = _paths(scene, duration_s)
    line(ego_path, _EGO)
    forward = np.array([-np.sin(ego.heading_rad), np.cos(ego.heading_rad)])
    fill(footprint(ego.position_m - 0.5 * forward, ego.heading_rad, *DEFAULT_SIZE_M["car"][:2]), _EGO)
    for index, actor in enumerate(scene.actors):
        colour = colours[actor.category]
        if not scene.present(index, np.array(time_s)):
            continue
        if actor.steered and len(paths[index]) > 1:
            line(paths[index], colour)
        shape = scene.footprints(index, time_s)
        fill(shape, colour)
        place = pixels(shape.mean(0)[None])[0] >> _FIXED_POINT_BITS
        corner = (int(place[0]) + 8, int(place[1]) + 4)
        cv2.putText(picture, scene.id_of(index), corner, cv2.FONT_HERSHEY_SIMPLEX, 0.42, WHITE, 1, cv2.LINE_AA)
    return picture


@lru_cache(maxsize=2)
def _paths(scene: Scene, duration_s: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns places `n 2` of the ego and of each actor over the duration, which are the same for every frame."""
    times = np.linspace(0.0, duration_s, 41)
    return scene.ego.at(times).position_m, [
        path.at(times[scene.present(index, times)]).position_m for index, path in enumerate(scene.trajectories)
    ]


def _draw_lanes(road: Road, middle_m: float, reach_m: float, fill: _Fill, line: _Line) -> None:
    right, left = road.edges_m
    low, high = middle_m - reach_m, middle_m + reach_m

    def along(lateral: float, start: float, stop: float) -> np.ndarray:
        stations = np.linspace(start, stop, max(2, round((stop - start) / 2)))
        return road.line.position(stations, np.full_like(stations, lateral))

    fill(np.concatenate([along(right, low, high), along(left, low, high)[::-1]]), _ASPHALT)
    for lane in range(road.rightmost, road.leftmost + 2):
        lateral = (lane - 0.5) * road.lane_width_m
        if lane in (road.rightmost, road.first_oncoming, road.leftmost + 1):
            line(along(lateral, low, high), _LINE)
            continue
        for start in np.arange(np.floor(low / _DASH_EVERY_M) * _DASH_EVERY_M, high, _DASH_EVERY_M):
            line(along(lateral, start, start + _DASH_M), _LINE)
