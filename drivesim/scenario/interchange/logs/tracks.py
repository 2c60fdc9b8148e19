"""Tracks of vehicles in a plane, and the scenario that they form around one of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import ValidationError

from drivesim.errors import InputError
from drivesim.scenario.checks.places import EGO_AHEAD_M
from drivesim.scenario.checks.plausibility import findings
from drivesim.scenario.interchange.openscenario.writing.rows import fewest
from drivesim.scenario.schema.actors import DEFAULT_SIZE_M, MAX_ACTORS
from drivesim.scenario.schema.messages import misfits
from drivesim.scenario.schema.road import Road
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.vocabulary import CATEGORIES

MAX_GAP_S = 1.0
"""A vehicle that is not seen for longer than this becomes another actor afterwards."""
_TOLERANCE_M = 0.02
_REACH_M = 300.0
_MOVING_MPS = 0.5
_SHORTEST_S, _LONGEST_S = 0.4, 3600.0
_LANES = 4
_SIZES_M = {"length": (1.0, 30.0), "width": (0.5, 5.0), "height": (0.5, 6.0)}
_SAME_PLACE_M = 0.01


@dataclass
class Track:
    """The track of one vehicle.

    Attributes:
        rows: Time, x and y of the centre in metres, and heading in radians from the x axis to the left; NaN if unknown.
        size_m: Length, width and height; 0 if unknown.
    """

    id: str
    category: str
    size_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rows: list[tuple[float, float, float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Tracks:
    """All tracks of a file, the id of the ego, and notes on what was left out of the file."""

    tracks: Sequence[Track]
    ego: str
    notes: tuple[str, ...] = ()


def scenario_of_tracks(tracks: Tracks, name: str, file: str) -> tuple[Scenario, tuple[str, ...]]:
    """Returns the scenario from the ego's first row to its last, and the notes.

    The road is straight and follows the ego's initial direction.

    Raises:
        InputError: The ego is not among the tracks, or its track does not give a valid scenario.
    """
    notes = list(tracks.notes)
    ego = next((track for track in tracks.tracks if track.id == tracks.ego), None)
    if ego is None:
        known = ", ".join(sorted(track.id for track in tracks.tracks)[:20])
        raise InputError(f"{file}: no vehicle {tracks.ego!r}; there are {known or 'none'}")
    own = _table(ego, file)
    start, stop = float(own[0, 0]), float(own[-1, 0])
    duration = min(max(stop - start, _SHORTEST_S), _LONGEST_S)
    heading = _first_heading(own)
    length = _size(ego, "car", notes)[0]
    ahead = length / 2 - EGO_AHEAD_M
    headings = _headings(own, heading)
    camera = own[:, 1:3] + ahead * np.stack([np.cos(headings), np.sin(headings)], -1)
    plane = _Plane(camera[0], heading)
    ego_rows = _rows(own[:, 0] - start, plane.seen(camera), own[:, 3] - heading, 0.0)
    ego_rows[0][:3] = [0.0, 0.0, ego_rows[0][2]]
    actors: list[dict[str, Any]] = []
    for track in tracks.tracks:
        if track is not ego:
            actors += _actors(track, _table(track, file), plane, (start, stop), notes)
    actors.sort(key=lambda actor: min(abs(row[1]) for row in actor["trajectory"]))
    for actor in actors[MAX_ACTORS:]:
        notes.append(f"{file}: dropped vehicle {actor['id']}: more than {MAX_ACTORS} vehicles near the ego")
    shared = {"format": 1, "name": name, "road": _road(), "duration_s": round(duration, 3)}
    scenario = _accepted({**shared, "ego": {"trajectory": ego_rows}}, actors[:MAX_ACTORS], file, notes)
    return scenario, tuple(notes)


@dataclass(frozen=True)
class _Plane:
    """The plane of a file, seen from an origin in a direction."""

    origin: np.ndarray
    heading: float

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Returns metres ahead and to the left, `n 2`."""
        dx, dy = (points - self.origin).T
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return np.stack([dx * cos + dy * sin, dy * cos - dx * sin], -1)


def _table(track: Track, file: str) -> np.ndarray:
    """Returns rows `n 4` in the order of time, without duplicates; raises InputError if two contradict each other."""
    table = np.array(sorted(track.rows), dtype=float)
    if not np.isfinite(table[:, :3]).all():
        raise InputError(f"{file}: a time or a position of {track.id} is not a finite number")
    repeated = np.diff(table[:, 0]) <= 1e-6
    apart = repeated & (np.hypot(*np.diff(table[:, 1:3], axis=0).T) > _SAME_PLACE_M)
    if apart.any():
        time = table[int(apart.argmax()), 0]
        raise InputError(f"{file}: {track.id} is at two places at {time:g} s; give each vehicle an id of its own")
    return table[np.concatenate([[True], ~repeated])]


def _size(track: Track, category: str, notes: list[str]) -> tuple[float, ...]:
    """Returns length, width and height: those of the file within what can be drawn, or the usual ones."""
    size = []
    for given, usual, (name, (low, high)) in zip(track.size_m, DEFAULT_SIZE_M[category], _SIZES_M.items(), strict=True):
        size.append(round(min(max(given or usual, low), high), 2))
        if given and abs(size[-1] - given) > 0.01:
            notes.append(f"changed {track.id}: a {name} of {given:g} m is taken as {size[-1]:g} m")
    return tuple(size)


def _headings(table: np.ndarray, otherwise: float) -> np.ndarray:
    """Returns headings `n`: those of the file, or else the direction of motion."""
    if not np.isnan(table[:, 3]).any():
        return table[:, 3]
    if len(table) < 2:
        return np.full(len(table), otherwise)
    velocity = np.gradient(table[:, 1:3], table[:, 0], axis=0)
    moving = np.hypot(*velocity.T) > _MOVING_MPS
    directions = np.where(moving, np.arctan2(velocity[:, 1], velocity[:, 0]), np.nan)
    if not moving.any():
        return np.full(len(table), otherwise)
    last = np.maximum.accumulate(np.where(moving, np.arange(len(table)), int(moving.argmax())))
    return np.where(np.isnan(table[:, 3]), directions[last], table[:, 3])


def _first_heading(table: np.ndarray) -> float:
    return float(_headings(table, 0.0)[0])


def _actors(
    track: Track, table: np.ndarray, plane: _Plane, times: tuple[float, float], notes: list[str]
) -> list[dict[str, Any]]:
    """Returns one actor for each stretch of a track that is near the ego in time and position."""
    start, stop = times
    table = table[(table[:, 0] >= start - 1e-6) & (table[:, 0] <= stop + 1e-6)]
    if not len(table):
        return []
    if track.category not in CATEGORIES:
        notes.append(f"dropped {track.id}: {track.category or 'no category'}: only {', '.join(CATEGORIES)} are drawn")
        return []
    places = plane.seen(table[:, 1:3])
    if np.abs(places).max(-1).min() > _REACH_M + 1000:
        return []
    size = _size(track, track.category, notes)
    shared: dict[str, Any] = {"category": track.category}
    if any(track.size_m):
        shared["size"] = {f"{name}_m": value for name, value in zip(_SIZES_M, size, strict=True)}
    cuts = np.flatnonzero(np.diff(table[:, 0]) > MAX_GAP_S) + 1
    pieces = np.split(np.arange(len(table)), cuts)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", track.id).lstrip("_-")[:28] or "vehicle"
    return [
        {
            "id": name if not number else f"{name}_{number + 1}",
            **shared,
            "trajectory": _rows(table[piece, 0] - start, places[piece], table[piece, 3] - plane.heading, size[0] / 2),
        }
        for number, piece in enumerate(pieces)
    ]


def _rows(times: np.ndarray, places: np.ndarray, headings: np.ndarray, behind_m: float) -> list[list[float]]:
    """Returns the rows of a trajectory, with headings if they differ from the direction of motion."""
    times = np.maximum(times, 0.0)
    kept = fewest(times, places, _TOLERANCE_M) if len(times) > 1 else np.array([0])
    columns = [np.round(times, 3), np.round(places[:, 0] - behind_m, 3), np.round(places[:, 1], 3) + 0.0]
    if not np.isnan(headings).any() and _turned_otherwise(times, places, headings):
        turned = np.unwrap(headings)
        columns.append(np.round(np.rad2deg(math.remainder(turned[0], 2 * math.pi) + turned - turned[0]), 2))
        kept = np.union1d(kept, np.flatnonzero(np.abs(np.diff(turned, prepend=turned[0])) > math.radians(5)))
        columns[3] = (columns[3] + 180) % 360 - 180
    return [[float(column[index]) for column in columns] for index in kept]


def _turned_otherwise(times: np.ndarray, places: np.ndarray, headings: np.ndarray) -> bool:
    """Returns whether the headings differ from the direction of motion, as for a vehicle that stands or reverses."""
    if len(times) < 2:
        return True
    velocity = np.gradient(places, times, axis=0)
    moving = np.hypot(*velocity.T) > 2.0
    if not moving.any():
        return True
    off = np.arctan2(velocity[:, 1], velocity[:, 0]) - headings
    return bool((np.abs((off + np.pi) % (2 * np.pi) - np.pi)[moving] > math.radians(15)).mean() > 0.02)


def _road() -> dict[str, int]:
    """Returns a road that is wide enough for most logs, which do not describe lanes."""
    return Road(lanes=_LANES, oncoming_lanes=_LANES, ego_lane=1).model_dump(
        include={"lanes", "oncoming_lanes", "ego_lane"}
    )


def _accepted(shared: dict[str, Any], actors: list[dict[str, Any]], file: str, notes: list[str]) -> Scenario:
    """Returns the scenario without the actors that it cannot contain, each of which is noted."""
    while True:
        try:
            scenario = Scenario.model_validate({**shared, "actors": actors})
            problems = [(finding.path, str(finding)) for finding in findings(scenario) if finding.stops]
        except ValidationError as error:
            problems = list(misfits(error))
        if not problems:
            return scenario
        bad: dict[int, str] = {}
        for path, why in problems:
            if path[:1] != ("actors",) or len(path) < 2:
                raise InputError(f"{file}: the ego makes no scenario: {why}")
            bad.setdefault(int(path[1]), why)
        for index, why in sorted(bad.items(), reverse=True):
            notes.append(f"{file}: dropped vehicle {actors[index]['id']}: {why}")
            del actors[index]
