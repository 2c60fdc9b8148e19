"""Executes a file from its first moment to its end."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from drivesim.scenario.interchange.openscenario.reading.attributes import child, number
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, UnmappableError
from drivesim.scenario.interchange.openscenario.roads.places import Place, position_in, referred, resolve
from drivesim.scenario.interchange.openscenario.running.runs.run import Run
from drivesim.scenario.interchange.openscenario.running.storyboard import Storyboard, entities_in
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, World

HORIZON_S = 300.0
MAX_CHAIN = 32
# Largest number of entities and conditions times steps, which takes seconds.
_MOST_WORK, _LEAST_HORIZON_S = 1_000_000, 20.0
_AFTERWARDS_S, _USUAL_S, _SHORTEST_S = 1.0, 4.0, 0.4
_DAY_HOURS = (6.5, 19.5)
_CLOCK = re.compile(r"T(\d\d):(\d\d)")


@dataclass(frozen=True)
class Ended:
    """The end of a storyboard, and the time of day at its start."""

    duration_s: float
    time_of_day: str | None


def run(root: ET.Element, world: World, board: Storyboard, notes: Notes) -> Ended:
    """Places all entities and executes the storyboard to its end; notes the events that never start."""
    time_of_day = _first_moment(root, world, board, notes)
    stopped = board.look()
    last, parts = 0.0, len(world.entities) + sum(1 for _ in root.iter("Condition"))
    horizon = min(HORIZON_S, max(_LEAST_HORIZON_S, _MOST_WORK * STEP_S / parts))
    while not stopped and world.now_s < horizon - STEP_S / 2:
        if board.complete and board.never_stops and world.now_s >= max(_USUAL_S, last + _AFTERWARDS_S):
            break
        busy = not board.complete
        stopped = board.step()
        if busy:
            last = world.now_s
    for event in board.never_started():
        notes.dropped(event.element, f"event {event.path[-1]}", "what it waits for does not come about")
    if stopped or world.now_s < horizon - STEP_S / 2:
        return Ended(max(round(world.now_s, 3), _SHORTEST_S), time_of_day)
    begun = max((happening.time_s for happening in board.happenings), default=0.0)
    ends = max(_USUAL_S, begun + _AFTERWARDS_S, last_change_s(board) + _AFTERWARDS_S)
    why = "nothing stops it" if board.never_stops else "its StopTrigger does not fire"
    notes.changed(board.element, "end", f"at {ends:.4g} s: {why} within {horizon:.4g} s")
    return Ended(round(min(ends, horizon), 3), time_of_day)


def last_change_s(board: Storyboard) -> float:
    """Returns the time at which the last change of speed or lane with a duration ends."""
    changes = [h.change for h in board.happenings if h.change is not None and h.change.duration_s < HORIZON_S]
    return max((change.start_s + change.duration_s for change in changes), default=0.0)


def _first_moment(root: ET.Element, world: World, board: Storyboard, notes: Notes) -> str | None:
    privates = [
        (private.get("entityRef", ""), action)
        for private in root.iterfind("Storyboard/Init/Actions/Private")
        for action in private.iterfind("PrivateAction")
    ]
    _put_down(world, notes, root, [(name, action) for name, action in privates if _teleports(action)])
    # Speeds relative to other entities are set after those, whatever their order in the file.
    for relative in (False, True):
        for name, action in privates:
            if not _teleports(action) and relative == (action.find(".//RelativeTargetSpeed") is not None):
                _begin(name, action, world, board, notes)
    time_of_day = None
    for action in root.iterfind("Storyboard/Init/Actions/GlobalAction"):
        environment = action.find("EnvironmentAction")
        if environment is None:
            with notes.knowing(action, "GlobalAction in Init"):
                do = board.actions.globally(action)
                if do is not None:
                    do()
            continue
        described = environment.find("Environment")
        if described is None and (reference := environment.find("CatalogReference")) is not None:
            described = board.actions.catalogues.entry(reference)
        if described is None:
            notes.dropped(action, "EnvironmentAction in Init", "its environment was not found")
            continue
        time_of_day = _environment(described, notes) or time_of_day
    for entity in world.entities.values():
        if entity.place is not None:
            entity.tracks[-1].clear()
            entity.record(0.0, world.roads)
    return time_of_day


def _teleports(action: ET.Element) -> bool:
    return action.find("TeleportAction") is not None


def _put_down(world: World, notes: Notes, root: ET.Element, teleports: list[tuple[str, ET.Element]]) -> None:
    """Places entities, in an order in which each comes after those that its position is relative to."""
    wanted = {name: (position_in(child(action, "TeleportAction")), action) for name, action in teleports}
    named = {name for story in root.iterfind("Storyboard/Story") for name in entities_in(story)}

    def place_of(name: str, asked: tuple[str, ...] = ()) -> Place:
        if name in asked:
            raise UnmappableError("positions refer to one another in a circle")
        if len(asked) > MAX_CHAIN:
            raise UnmappableError(f"its position is relative to another, and so on, more than {MAX_CHAIN} times")
        entity = world.entity(name)
        if entity.place is not None:
            return entity.place
        if name not in wanted:
            raise UnmappableError(f"no initial position of {name}")
        position, _ = wanted[name]
        return resolve(position, world.roads, lambda other: place_of(other, (*asked, name)))

    for name, (_, action) in wanted.items():
        if name not in world.entities:
            continue
        note = notes.knowing if name in named else notes.dropping
        with note(action, f"entity {name}"):
            world.entities[name].put(place_of(name), 0.0, world.roads)


def first_position(root: ET.Element, name: str) -> ET.Element | None:
    """Returns the absolute Position that the first place of an entity finally depends on, or None."""
    positions = {
        private.get("entityRef", ""): found
        for private in root.iterfind("Storyboard/Init/Actions/Private")
        if (found := private.find("PrivateAction/TeleportAction/Position")) is not None
    }
    for _ in range(MAX_CHAIN):
        position = positions.get(name)
        if position is None or (other := referred(position)) is None:
            return position
        name = other
    return None


def _begin(name: str, action: ET.Element, world: World, board: Storyboard, notes: Notes) -> None:
    entity = world.entities.get(name)
    if entity is None:
        return
    kind = next((part.tag for part in action), "empty action")
    with notes.knowing(action, f"{kind} of {name} in Init"):
        begin = board.actions.private(action)
        if begin is None or (entity.place is None and action.find(".//FollowTrajectoryAction") is None):
            return
        result = begin(entity)
        board.given_speed.add(name)
        if isinstance(result, Run):
            result.text += " (from the first moment)"
            board.start_run(result, action)


def _environment(environment: ET.Element, notes: Notes) -> str | None:
    sun, clock = environment.find("Weather/Sun"), environment.find("TimeOfDay")
    found: str | None = None
    if clock is not None:
        with notes.dropping(clock, "time of day"):
            if not (read := _CLOCK.search(clock.get("dateTime", ""))):
                raise UnmappableError(f"expected a dateTime such as 2026-06-01T12:00:00, got {clock.get('dateTime')}")
            hour = int(read[1]) + int(read[2]) / 60
            found = "day" if _DAY_HOURS[0] <= hour < _DAY_HOURS[1] else "night"
    if sun is not None and "elevation" in sun.attrib:
        with notes.dropping(sun, "sun"):
            found = "day" if number(sun, "elevation") > 0 else "night"
    for part in (*environment.iterfind("Weather/*"), *environment.iterfind("RoadCondition")):
        if part.tag != "Sun":
            notes.dropped(part, part.tag, "of the environment, only day and night are known")
    return found
