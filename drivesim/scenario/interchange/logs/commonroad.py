"""Tracks of the obstacles in a CommonRoad XML file (Althoff et al., "CommonRoad", IV 2017), dynamic and static."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from drivesim.errors import InputError
from drivesim.scenario.interchange.logs.tracks import Track, Tracks
from drivesim.scenario.interchange.openscenario.reading.xml_tree import XmlTree

_KINDS = {"car": "car", "taxi": "car", "parkedVehicle": "car", "priorityVehicle": "van", "truck": "truck", "bus": "bus"}
_OBSTACLES = ("dynamicObstacle", "staticObstacle", "obstacle")
_HORIZON_S = 10.0


def tracks_of_commonroad(tree: XmlTree, ego: str | None) -> Tracks:
    """Returns the tracks of a file. The ego is the obstacle with an id, or else the first planning problem.

    A planning problem has no trajectory: the ego keeps its initial speed and direction.

    Raises:
        InputError: There is no time step, no obstacle, or neither an ego nor a planning problem.
    """
    root = tree.root
    step = _exact(root.get("timeStepSize"), tree, root)
    tracks: list[Track] = []
    parked: list[Track] = []
    notes: list[str] = []
    for element in root:
        if element.tag not in _OBSTACLES:
            continue
        name, kind = element.get("id", ""), (element.findtext("type") or "").strip()
        rectangle = element.find("shape/rectangle")
        if rectangle is None or kind not in _KINDS:
            _, line = tree.place_of(element)
            why = f"{kind or 'no type'}" if kind not in _KINDS else "no rectangle"
            notes.append(f"{tree.file}:{line}: dropped obstacle {name}: {why}: only vehicles are drawn")
            continue
        size = (_value(rectangle, "length", tree), _value(rectangle, "width", tree), 0.0)
        track = Track(name, _KINDS[kind], size)
        for state in (*element.iterfind("initialState"), *element.iterfind("trajectory/state")):
            track.rows.append(_row(state, step, tree))
        moves = element.find("trajectory") is not None or len(track.rows) > 1
        (tracks if moves else parked).append(track)
    named = ego
    if named is None:
        problem = root.find("planningProblem/initialState")
        if problem is None:
            raise InputError(f"{tree.file}: no planningProblem says where the ego is; give --ego ID of an obstacle")
        named = "ego"
        last = max((row[0] for track in tracks for row in track.rows), default=_HORIZON_S)
        tracks.append(_planned(named, problem, step, last, tree))
        notes.append(f"{tree.file}: changed ego: the planning problem's start, at constant speed")
    times = [row[0] for track in tracks for row in track.rows] or [0.0]
    for track in parked:
        x, y, heading = track.rows[0][1:]
        track.rows = [(min(times), x, y, heading), (max(times), x, y, heading)]
        tracks.append(_kept(track))
    return Tracks(tuple(tracks), named, tuple(notes))


def _kept(track: Track) -> Track:
    """Returns the track of a parked vehicle with rows that are close enough in time to form one stretch."""
    (first, x, y, heading), (last, *_) = track.rows
    count = max(2, math.ceil((last - first) / 0.9) + 1)
    track.rows = [(first + (last - first) * index / (count - 1), x, y, heading) for index in range(count)]
    return track


def _planned(name: str, state: ET.Element, step: float, last: float, tree: XmlTree) -> Track:
    time, x, y, heading = _row(state, step, tree)
    speed = _value(state, "velocity/exact", tree)
    heading = 0.0 if math.isnan(heading) else heading
    count = max(2, math.ceil((last - time) / step) + 1)
    rows = [
        (
            time + index * step,
            x + speed * index * step * math.cos(heading),
            y + speed * index * step * math.sin(heading),
        )
        for index in range(count)
    ]
    return Track(name, "car", rows=[(*row, heading) for row in rows])


def _row(state: ET.Element, step: float, tree: XmlTree) -> tuple[float, float, float, float]:
    point = state.find("position/point")
    if point is None:
        _, line = tree.place_of(state)
        raise InputError(f"{tree.file}:{line}:1: expected a position that is a point")
    heading = _value(state, "orientation/exact", tree) if state.find("orientation/exact") is not None else math.nan
    time = state.find("time/exact")
    index = 0.0 if time is None else _exact(time.text, tree, time)
    return index * step, _value(point, "x", tree), _value(point, "y", tree), heading


def _value(element: ET.Element, path: str, tree: XmlTree) -> float:
    found = element.find(path)
    return _exact(None if found is None else found.text, tree, element)


def _exact(text: str | None, tree: XmlTree, element: ET.Element) -> float:
    try:
        value = float(text or "")
        if math.isfinite(value):
            return value
    except ValueError:
        pass
    _, line = tree.place_of(element)
    raise InputError(f"{tree.file}:{line}:1: expected a number in <{element.tag}>, got {(text or 'nothing')[:40]!r}")
