"""Forms of a vehicle's motion: place, speed and manoeuvres if they are equivalent, or else a trajectory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from drivesim.scenario.interchange.openscenario.reading.entities import Vehicle
from drivesim.scenario.interchange.openscenario.writing.frame import Way
from drivesim.scenario.interchange.openscenario.writing.rows import fewest
from drivesim.scenario.schema.actors import MAX_MANOEUVRES, Actor, Ego
from drivesim.scenario.schema.road import Road

SAME_M = 0.05
"""Largest distance from the position in the file at which a manoeuvre still counts as equivalent."""
_SAME_LANE_M, _SAME_HEADING_RAD, _SHORTEST_S, _LONGEST_S = 0.01, 0.005, 0.2, 600.0
_MOVING_MPS = 0.5

Form = dict[str, Any]


@dataclass(frozen=True)
class LaneOrSpeed:
    """A change of the speed, in m/s, or of the lane, in metres to the left of the ego's first one."""

    start_s: float
    duration_s: float
    speed_mps: float | None = None
    lateral_m: float | None = None


def actor_forms(vehicle: Vehicle, way: Way, changes: Sequence[LaneOrSpeed], road: Road, whole: bool) -> list[Form]:
    """Returns the forms of an actor, the best first.

    Args:
        vehicle: Its category and size.
        way: Motion of its centre.
        changes: Its changes of speed and lane in the file; lanes are metres to the left of the ego's first one.
        road: The road of the scenario.
        whole: Whether the motion lasts from the first frame to the end.
    """
    shared: Form = {"category": vehicle.category}
    if vehicle.sized:
        measures = zip(("length_m", "width_m", "height_m"), vehicle.size_m, strict=True)
        shared["size"] = {name: round(measure, 2) for name, measure in measures}
    rows = {**shared, "trajectory": _rows(way, vehicle.size_m[0] / 2)}
    if not whole:
        return [rows]
    placed = {**shared, **_place(vehicle, way, road), "speed_mps": round(float(way.speeds_mps[0]), 3)}
    said = _manoeuvres(changes, way, road, ego=False)
    if said is None:
        return [rows]
    candidate = {**placed, "manoeuvres": said or [{"type": "keep_lane", "start_s": 0.0}]}
    try:
        actor = Actor.model_validate(candidate)
    except ValidationError:
        return [rows]
    return [candidate, rows] if _same(actor.path(road, 0.0), way, road) else [rows]


def ego_forms(way: Way, changes: Sequence[LaneOrSpeed], road: Road) -> list[Form]:
    """Returns the forms of the ego, the best first; unlike in `actor_forms`, the motion is that of the camera."""
    rows: Form = {"trajectory": _rows(way, 0.0)}
    rows["trajectory"][0][:2] = [0.0, 0.0]
    said = _manoeuvres(changes, way, road, ego=True)
    if said is None:
        return [rows]
    candidate: Form = {"speed_mps": round(float(way.speeds_mps[0]), 3), **({"manoeuvres": said} if said else {})}
    try:
        ego = Ego.model_validate(candidate)
    except ValidationError:
        return [rows]
    return [candidate, rows] if _same(ego.path(road), way, road) else [rows]


def _same(moving: Any, way: Way, road: Road) -> bool:
    """Returns whether an object follows the motion within `SAME_M`."""
    there = road.line.position(way.stations_m, way.offsets_m)
    return float(np.linalg.norm(moving.at(way.times_s).position_m - there, axis=-1).max()) <= SAME_M


def _place(vehicle: Vehicle, way: Way, road: Road) -> Form:
    heading, lateral = float(way.headings_rad[0]), float(way.offsets_m[0])
    length, width, _ = vehicle.size_m
    near = float(way.stations_m[0]) - (abs(math.cos(heading)) * length + abs(math.sin(heading)) * width) / 2
    lane = round(lateral / road.lane_width_m)
    fields: Form = {"distance_m": round(near, 2)}
    in_lane = abs(lateral - lane * road.lane_width_m) < _SAME_LANE_M
    fields |= {"lane": lane} if in_lane else {"lateral_m": round(lateral, 2)}
    usual = math.pi if road.is_oncoming(lateral) else 0.0
    if abs(math.remainder(heading - usual, 2 * math.pi)) > _SAME_HEADING_RAD:
        fields["heading_deg"] = _degrees(heading)
    return fields


def _degrees(heading: float) -> float:
    """Returns degrees in -180..180, with 180 for the opposite direction."""
    degrees = round(math.degrees(math.remainder(heading, 2 * math.pi)), 1)
    return 180.0 if degrees == -180 else degrees


def _manoeuvres(changes: Sequence[LaneOrSpeed], way: Way, road: Road, ego: bool) -> list[Form] | None:
    """Returns the manoeuvres that are equivalent to these changes, or None if there are none."""
    said: list[Form] = []
    speed, lane = float(way.speeds_mps[0]), round(float(way.offsets_m[0]) / road.lane_width_m)
    for change in sorted(changes, key=lambda change: change.start_s):
        if not change.duration_s <= _LONGEST_S:
            return None
        lasts = max(change.duration_s, _SHORTEST_S)
        timed: Form = {"start_s": round(change.start_s, 3), "duration_s": round(lasts, 3)}
        if change.speed_mps is not None:
            if abs(change.speed_mps - speed) < 0.01:
                continue
            kind = "stop" if change.speed_mps == 0 else "brake" if change.speed_mps < speed else "accelerate"
            said.append({"type": kind, **timed} | ({} if kind == "stop" else {"speed_mps": round(change.speed_mps, 3)}))
            speed = change.speed_mps
            continue
        assert change.lateral_m is not None, "a change is one of the speed or one of the lane"
        target = round(change.lateral_m / road.lane_width_m)
        if abs(change.lateral_m - target * road.lane_width_m) > _SAME_LANE_M:
            return None
        if target != lane:
            kind = "change_lane" if ego else "cut_in" if target == 0 else "cut_out"
            said.append({"type": kind, **timed} | ({} if kind == "cut_in" else {"lane": target}))
            lane = target
    return said if len(said) <= MAX_MANOEUVRES else None


def _rows(way: Way, behind_m: float) -> list[list[float]]:
    """Returns the rows of a trajectory; distances are those of a point `behind_m` behind the one that moves."""
    own = _own_headings(way)
    kept = fewest(way.times_s, np.stack([way.stations_m, way.offsets_m], -1))
    columns = [
        np.round(way.times_s[kept], 3),
        np.round(way.stations_m[kept] - behind_m, 3),
        np.round(way.offsets_m[kept], 3) + 0.0,
    ]
    if own:
        columns.append(np.round(np.rad2deg((way.headings_rad[kept] + np.pi) % (2 * np.pi) - np.pi), 2))
    return [[float(value) for value in row] for row in zip(*columns, strict=True)]


def _own_headings(way: Way) -> bool:
    """Returns whether the heading differs from the motion, as in reverse; a lane change alone does not count."""
    if len(way.times_s) < 2:
        return abs(math.remainder(float(way.headings_rad[0]), 2 * math.pi)) > _SAME_HEADING_RAD
    along, left = np.gradient(way.stations_m, way.times_s), np.gradient(way.offsets_m, way.times_s)
    moving = np.hypot(along, left) > _MOVING_MPS
    forward = along * np.cos(way.headings_rad) + left * np.sin(way.headings_rad)
    if not moving.any():
        return abs(math.remainder(float(way.headings_rad[0]), 2 * math.pi)) > _SAME_HEADING_RAD
    return bool((forward[moving] < 0.7 * np.hypot(along, left)[moving]).any())
