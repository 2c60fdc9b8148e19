"""From an OpenSCENARIO XML file to a scenario that can be run, and what was lost on the way."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario.actions import Actions
from drivesim.scenario.interchange.openscenario.drafts import Draft, accepted, actor_fields, with_ids
from drivesim.scenario.interchange.openscenario.entities import Vehicle, detect_vehicles, ego_of
from drivesim.scenario.interchange.openscenario.first_moment import read_first_moment
from drivesim.scenario.interchange.openscenario.library import fill_in_defaults
from drivesim.scenario.interchange.openscenario.motion import Motion
from drivesim.scenario.interchange.openscenario.notes import Note, Notes, UnmappableError
from drivesim.scenario.interchange.openscenario.places import LANE_WIDTH_M, Place, Places
from drivesim.scenario.interchange.openscenario.story import Story
from drivesim.scenario.interchange.openscenario.triggers import moment, read_trigger
from drivesim.scenario.interchange.openscenario.xml_tree import fill_in_parameters, read_xml
from drivesim.scenario.schema.road import Road
from drivesim.scenario.schema.scenario import Scenario

MAX_LANES = 8
_SHORTEST_S, _LONGEST_S, _USUAL_S, _AFTERWARDS_S = 0.4, 3600.0, 4.0, 1.0


@dataclass(frozen=True)
class Imported:
    """A scenario that `drivesim validate` accepts, the description in the file, and what is not as it was there."""

    scenario: Scenario
    description: str
    notes: tuple[Note, ...]


def import_openscenario(content: bytes, file: str, ego: str | None = None) -> Imported:
    """The scenario that an OpenSCENARIO XML file (1.0 to 1.3) describes, as far as it maps.

    `file` is the name in messages, and names the scenario; `ego` the entity that carries the camera, where the file
    does not tell. Raises InputError: no XML, no OpenSCENARIO, no vehicle, no place of the ego.
    """
    tree = read_xml(content, file)
    root = tree.root
    if root.tag != "OpenSCENARIO" or root.find("Storyboard") is None:
        raise InputError(f"{file}:1:1: expected an OpenSCENARIO scenario with a Storyboard, got <{root.tag[:48]}>")
    fill_in_parameters(root)
    fill_in_defaults(root)
    notes = Notes(tree)
    vehicles = detect_vehicles(tree, notes)
    own = ego_of(vehicles, ego, tree, notes)
    first = read_first_moment(root, vehicles, notes)
    if own not in first.positions:
        raise InputError(f"{file}:{tree.line_of(vehicles[own].element)}:1: the ego, {own}, has no place in Init")
    _note_what_is_never_read(root, notes)

    places = Places(first.positions, own)
    found = dict(_placed(vehicles, places, notes))
    motions = {name: _motion(vehicles[name], place, first.speeds.get(name, 0.0)) for name, place in found.items()}
    story = Story(Actions(motions, places, notes), notes)
    story.tell(root)
    for name in found:
        if name not in first.speeds and not motions[name].first_speed_mps:
            notes.changed(vehicles[name].element, f"entity {name}", "no speed in Init: taken to stand still")
    road = _road(found, story.lanes, places.own_lanes_left)
    drafts = {
        name: Draft(
            name,
            vehicles[name].element,
            actor_fields(vehicles[name], place, motions[name].first_speed_mps, vehicles[own], road),
            story.manoeuvres.get(name) or [({"type": "keep_lane", "start_s": 0.0}, vehicles[name].element)],
        )
        for name, place in found.items()
        if name != own
    }
    own_speed = {"speed_mps": round(motions[own].first_speed_mps, 3)}
    ego_draft = Draft(own, vehicles[own].element, own_speed, story.manoeuvres.get(own, []))
    with_ids(list(drafts.values()))
    shared = {
        "format": 1,
        "name": _scenario_name(file),
        **({"time_of_day": first.time_of_day} if first.time_of_day else {}),
        "road": {"lanes": road.lanes, "oncoming_lanes": road.oncoming_lanes, "ego_lane": road.ego_lane},
        "duration_s": _duration_s(root, story, notes),
    }
    scenario = accepted(shared, ego_draft, list(drafts.values()), notes)
    header = root.find("FileHeader")
    return Imported(scenario, "" if header is None else header.get("description", ""), tuple(sorted(set(notes.found))))


def _placed(vehicles: dict[str, Vehicle], places: Places, notes: Notes) -> Iterator[tuple[str, Place]]:
    for name, vehicle in vehicles.items():
        with notes.dropping(vehicle.element, f"entity {name}"):
            yield name, places.of(name)


def _road(found: dict[str, Place], targets: set[int], own_lanes_left: int | None) -> Road:
    """A road with all the lanes that vehicles are in or go to; of what the file of the road says, nothing is known."""
    along = [place for place in found.values() if abs(math.cos(place.heading_rad)) > 0.7]
    lanes = {place.nearest_lane for place in along} | targets | {0}
    left = max(place.nearest_lane for place in along if place.along > 0) if own_lanes_left is None else own_lanes_left
    right = max(min(lanes), 1 - MAX_LANES)
    left = min(max(left, 0), MAX_LANES - 1 + right)
    oncoming = min(max(max(lanes) - left, 0), MAX_LANES)
    return Road(lanes=left - right + 1, oncoming_lanes=oncoming, ego_lane=-right)


def _motion(vehicle: Vehicle, place: Place, speed_mps: float) -> Motion:
    half, middle = vehicle.size_m[0] / 2, vehicle.ahead_m
    return Motion(place.ahead_m, place.heading_rad, place.nearest_lane, speed_mps, half, middle)


def _duration_s(root: ET.Element, story: Story, notes: Notes) -> float:
    trigger = root.find("Storyboard/StopTrigger")
    if trigger is not None and trigger.find(".//Condition") is not None:
        try:
            stop = moment(read_trigger(trigger), story.spans, story.actions.motions)
            why = "it would never come, or not within 300 s"
            if stop is not None and stop > 0:
                return round(min(max(stop, _SHORTEST_S), _LONGEST_S), 3)
        except UnmappableError as error:
            why = str(error)
        notes.changed(trigger, "end", f"a second after the last manoeuvre: {why}")
    return round(min(max(story.end_s + _AFTERWARDS_S, _USUAL_S), _LONGEST_S), 3)


def _note_what_is_never_read(root: ET.Element, notes: Notes) -> None:
    for road in root.iterfind("RoadNetwork/LogicFile"):
        why = f"its file, {road.get('filepath', '')[:80]}, is not read: straight, lanes of {LANE_WIDTH_M:g} m"
        notes.changed(road, "road", why)
    for part in root.iterfind("RoadNetwork/TrafficSignals"):
        notes.dropped(part, "traffic signals", "a scenario has none")
    for controller in root.iterfind("Entities/ScenarioObject/ObjectController"):
        notes.dropped(controller, "controller", "vehicles follow their manoeuvres")


def _scenario_name(file: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePath(file).stem).lstrip("_-")
    return name[:64] or "imported"
