"""Converts an OpenSCENARIO XML file to a scenario that can be run, with a list of what was lost."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from drivesim.errors import InputError, ScenarioError
from drivesim.scenario.interchange.openscenario.reading.catalogues import Catalogues
from drivesim.scenario.interchange.openscenario.reading.entities import ego_of, read_entities, read_selections
from drivesim.scenario.interchange.openscenario.reading.notes import Note, Notes
from drivesim.scenario.interchange.openscenario.reading.parameters import declared, fill_in
from drivesim.scenario.interchange.openscenario.reading.xml_tree import XmlTree, read_xml
from drivesim.scenario.interchange.openscenario.roads.finding import RoadView, roads_of
from drivesim.scenario.interchange.openscenario.running.actions.longitudinal import AT_ONCE_S
from drivesim.scenario.interchange.openscenario.running.simulation import run
from drivesim.scenario.interchange.openscenario.running.storyboard import Happening, Storyboard
from drivesim.scenario.interchange.openscenario.running.world import Entity, Sample, World
from drivesim.scenario.interchange.openscenario.writing.drafts import Draft, accepted, with_ids
from drivesim.scenario.interchange.openscenario.writing.forms import LaneOrSpeed, actor_forms, ego_forms
from drivesim.scenario.interchange.openscenario.writing.frame import Frame, Way
from drivesim.scenario.schema.road import Road
from drivesim.scenario.schema.scenario import Scenario

MAX_LANES = 8
MAX_PROBLEMS = 10
_LONGEST_S = 3600.0
_NEAR_M, _ALONG = 400.0, 0.7


@dataclass(frozen=True)
class Imported:
    """A scenario that `drivesim validate` accepts, with its origin.

    Attributes:
        description: Description in the header of the file.
        notes: Parts of the file that the scenario lacks or changes.
        timeline: Events in the order of time: file, line and text.
    """

    scenario: Scenario
    description: str
    notes: tuple[Note, ...]
    timeline: tuple[tuple[str, int, str], ...]


def import_openscenario(
    content: bytes,
    file: str,
    ego: str | None = None,
    folder: Path | None = None,
    lenient: bool = False,
    values: Mapping[str, str] | None = None,
) -> Imported:
    """Returns the scenario that an OpenSCENARIO XML file (1.0 to 1.3) describes.

    The storyboard is executed in steps of 20 ms.

    Args:
        content: Content of the file.
        file: Name of the file in messages, from which the scenario is named, too.
        ego: The entity that carries the camera; needed only if the file does not say it.
        folder: Folder in which catalogues and the road file are looked up; None if there is none.
        lenient: Whether to continue if a part is unknown on which the meaning of the file depends.
        values: Values of parameters that replace those declared in the file.

    Raises:
        InputError: The content is not XML or not OpenSCENARIO, there is no vehicle, the ego has no position, or, unless
            `lenient`, a part is unknown.
    """
    tree = read_xml(content, file)
    root = tree.root
    if root.tag == "OpenSCENARIO" and root.find("Catalog") is not None:
        raise InputError(f"{file}: is a catalogue; import the scenario that refers to it")
    if root.tag != "OpenSCENARIO" or root.find("Storyboard") is None:
        raise InputError(f"{file}:1:1: expected an OpenSCENARIO scenario with a Storyboard, got <{root.tag[:48]}>")
    parameters = _parameters(root, values or {})
    fill_in(root, parameters)
    notes = Notes(tree)
    catalogues = Catalogues(tree, folder, parameters)
    for reference in root.iter("TrajectoryRef"):
        for part in reference.findall("CatalogReference"):
            if (entry := catalogues.entry(part)) is not None:
                reference.remove(part)
                reference.append(entry)
    vehicles = read_entities(tree, catalogues, notes)
    own = ego_of(vehicles, ego, tree, notes)
    selections = read_selections(root, vehicles)
    _note_what_is_never_read(root, notes)
    roads = roads_of(root, own, folder, notes)
    world = World({name: Entity(name, vehicle) for name, vehicle in vehicles.items()}, roads.map)
    world.parameters.update(parameters)
    for entry in root.iterfind("VariableDeclarations/VariableDeclaration"):
        world.variables[entry.get("name", "")] = entry.get("value", "")
    board = Storyboard(root, world, notes, catalogues, lambda name: selections.get(name, [name]))
    ended = run(root, world, board, notes)
    if not world.entities[own].tracks:
        lost = (note.why for note in notes.found if note.what == f"entity {own}" and note.kind != "changed")
        why = next((f": {reason}" for reason in lost), "; give it a TeleportAction, or choose another one with --ego")
        _, line = tree.place_of(vehicles[own].element)
        raise InputError(f"{file}:{line}:1: the ego, {own}, has no place in Init{why}")
    _refuse_unknown(notes, lenient)
    shared = {
        "format": 1,
        "name": _scenario_name(file),
        **({"time_of_day": ended.time_of_day} if ended.time_of_day else {}),
        "duration_s": min(ended.duration_s, _LONGEST_S),
    }
    scenario, frame = _written(world, own, board, roads, shared, notes)
    road = scenario.road
    assert road is not None, "an imported scenario says its road"
    timeline = tuple(_timeline_entry(happening, tree, frame, road) for happening in board.happenings)
    header = root.find("FileHeader")
    return Imported(
        scenario,
        "" if header is None else header.get("description", ""),
        tuple(sorted(notes.found)),
        timeline,
    )


def _parameters(root: ET.Element, values: Mapping[str, str]) -> dict[str, str]:
    """Returns the parameters of the whole file; `values` override its declarations, also in dependent parameters."""
    declarations = root.find("ParameterDeclarations")
    if declarations is None:
        return dict(values)
    for declaration in declarations.iterfind("ParameterDeclaration"):
        name = declaration.get("name", "").lstrip("$")
        if name in values:
            declaration.attrib["value"] = values[name]
    return declared(declarations, {})


def _written(
    world: World, own: str, board: Storyboard, roads: RoadView, shared: Mapping[str, Any], notes: Notes
) -> tuple[Scenario, Frame]:
    """Returns the scenario of the executed storyboard, and its frame in the plane of the file."""
    end_s = float(shared["duration_s"])
    ways: dict[str, list[list[Sample]]] = {}
    for name, entity in world.entities.items():
        if entity.vehicle.category is not None or name == own:
            ways[name] = _tracks(entity, end_s)
            if not ways[name]:
                if not any(note.what == f"entity {name}" for note in notes.found):
                    notes.dropped(entity.vehicle.element, f"entity {name}", f"no initial position of {name}")
                del ways[name]
    camera = world.entities[own]
    if len(ways[own]) > 1:
        notes.unknown(camera.vehicle.element, f"entity {own}", "the ego is teleported during the scenario")
    for name, tracks in ways.items():
        _note_motion(name, tracks, world, board, notes)
    first = ways[own][0][0].pose
    for line in roads.lines(first):
        frame = Frame(first, camera.vehicle, line.line)
        before = len(notes.found)
        try:
            scenario = _seen_in(frame, line, ways, world, board, own, roads.own_lanes_left, shared, notes)
        except InputError:
            if line.curve is None:
                raise
            del notes.found[before:]
            continue
        if line.curve is None or not any("`curve`" in note.why for note in notes.found[before:]):
            return scenario, frame
        del notes.found[before:]  # vehicles beyond the centre of the curve fit beside a straight road
    raise AssertionError("the last road is straight")


def _note_motion(name: str, tracks: list[list[Sample]], world: World, board: Storyboard, notes: Notes) -> None:
    element = world.entities[name].vehicle.element
    if len(tracks) > 1:
        times = ", ".join(f"{track[0].time_s:.4g}" for track in tracks[1:])
        teleported = any(h.entity == name and "TeleportAction" in h.text for h in board.happenings)
        what = f"TeleportAction of {name}" if teleported else f"entity {name}"
        notes.changed(element, what, f"it becomes another actor at {times} s, because vehicles cannot jump")
    if name not in board.given_speed and all(sample.speed_mps == 0 for track in tracks for sample in track):
        notes.changed(element, f"entity {name}", "Init gives no speed; the vehicle is assumed to stand still")


def _seen_in(
    frame: Frame,
    line: Road,
    ways: Mapping[str, list[list[Sample]]],
    world: World,
    board: Storyboard,
    own: str,
    own_lanes_left: int | None,
    shared: Mapping[str, Any],
    notes: Notes,
) -> Scenario:
    """Returns the scenario on one road.

    Raises:
        InputError: The ego cannot drive on this road.
    """
    by_track = {
        name: [frame.way(track, world.entities[name].vehicle) for track in tracks]
        for name, tracks in ways.items()
        if name != own
    }
    road, changes = _road(by_track, line, own_lanes_left), _changes(board, frame)
    drafts: list[Draft] = []
    for name, tracks in by_track.items():
        vehicle = world.entities[name].vehicle
        for number, way in enumerate(tracks):
            whole = len(tracks) == 1 and way.times_s[0] <= 0 and way.times_s[-1] >= shared["duration_s"] - 0.05
            forms = actor_forms(vehicle, way, changes.get(name, []), road, whole)
            drafts.append(Draft(name if not number else f"{name}_{number + 1}", vehicle.element, forms))
    with_ids(drafts)
    forms = ego_forms(frame.camera_way(ways[own][0]), changes.get(own, []), road)
    plain_road = road.model_dump(exclude_unset=True, exclude_none=True)
    ego = Draft(own, world.entities[own].vehicle.element, forms)
    return accepted({**shared, "road": plain_road}, ego, drafts, notes)


def _tracks(entity: Entity, end_s: float) -> list[list[Sample]]:
    """Returns the tracks of an entity until the end, without its motion before a teleport in the first moment."""
    tracks = [[sample for sample in track if sample.time_s <= end_s + 1e-6] for track in entity.tracks]
    tracks = [track for track in tracks if len(track) > 1 or (track and track[0].time_s < end_s)]
    while len(tracks) > 1 and tracks[1][0].time_s <= AT_ONCE_S:
        del tracks[0]
    for track, following in pairwise(tracks):  # an entity cannot be in two places at once
        while len(track) > 1 and track[-1].time_s >= following[0].time_s:
            track.pop()
    if tracks and tracks[0][0].time_s <= AT_ONCE_S:
        tracks[0] = _from_the_start(tracks[0])
    return tracks


def _from_the_start(track: list[Sample]) -> list[Sample]:
    """Returns a track that begins shortly after the start, extended back to the start at its initial speed."""
    first = track[0]
    back = first.speed_mps * first.time_s
    cos, sin = math.cos(first.pose.heading), math.sin(first.pose.heading)
    pose = type(first.pose)(first.pose.x - back * cos, first.pose.y - back * sin, first.pose.heading)
    return [Sample(0.0, pose, first.speed_mps), *track] if first.time_s > 0 else track


def _changes(board: Storyboard, frame: Frame) -> dict[str, list[LaneOrSpeed]]:
    """Returns the changes of speed and lane of each entity."""
    changes: dict[str, list[LaneOrSpeed]] = {}
    for happening in board.happenings:
        if (change := happening.change) is not None:
            lateral = None if change.place is None else frame.lateral_m(change.place)
            said = LaneOrSpeed(change.start_s, change.duration_s, change.speed_mps, lateral)
            changes.setdefault(happening.entity, []).append(said)
    return changes


def _road(ways: Mapping[str, list[Way]], line: Road, own_lanes_left: int | None) -> Road:
    """Returns the road with all lanes that vehicles use, and those that the road file has."""
    width = line.lane_width_m
    lanes, with_us = {0}, {0}
    for tracks in ways.values():
        for way in tracks:
            near = (np.abs(way.stations_m) < _NEAR_M) & (np.abs(np.cos(way.headings_rad)) > _ALONG)
            visited = {round(float(value) / width) for value in way.offsets_m[near]}
            lanes |= {lane for lane in visited if abs(lane) < MAX_LANES}
            if len(way.times_s) and near[0] and math.cos(float(way.headings_rad[0])) > 0:
                with_us.add(round(float(way.offsets_m[0]) / width))
    left = max(with_us) if own_lanes_left is None else own_lanes_left
    right = max(min(*lanes, 0), 1 - MAX_LANES)
    left = min(max(left, 0), MAX_LANES - 1 + right)
    oncoming = min(max(max(lanes) - left, 0), MAX_LANES)
    said = {"lanes": left - right + 1, "oncoming_lanes": oncoming, "ego_lane": -right}
    return Road.model_validate({**said, **line.model_dump(include=line.model_fields_set)})


def _refuse_unknown(notes: Notes, lenient: bool) -> None:
    unknown = [note for note in sorted(notes.found) if note.kind == "unknown"]
    if not unknown or lenient:
        return
    lines = [f"{note.file}:{note.line}: {note}" for note in unknown[:MAX_PROBLEMS]]
    more = [f"and {len(unknown) - MAX_PROBLEMS} more"] if len(unknown) > MAX_PROBLEMS else []
    ends = "the meaning of the file depends on this; --lenient leaves it out"
    raise ScenarioError(*lines, *more, f"{notes.tree.file}: {ends}")


def _timeline_entry(happening: Happening, tree: XmlTree, frame: Frame, road: Road) -> tuple[str, int, str]:
    file, line = tree.place_of(happening.element)
    who = f"{happening.entity} " if happening.entity else ""
    into = ""
    if happening.change is not None and happening.change.place is not None:
        into = f"changes to lane {round(frame.lateral_m(happening.change.place) / road.lane_width_m)}: "
    return file, line, f"at {happening.time_s:.2f} s {who}{into}{happening.text}"


def _note_what_is_never_read(root: ET.Element, notes: Notes) -> None:
    for part in root.iterfind("RoadNetwork/TrafficSignals"):
        notes.dropped(part, "traffic signals", "a scenario has no traffic signals")
    for controller in root.iterfind("Entities/ScenarioObject/ObjectController"):
        notes.dropped(controller, "controller", "vehicles follow their actions only")


def _scenario_name(file: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePath(file).stem).lstrip("_-")
    return name[:64] or "imported"
