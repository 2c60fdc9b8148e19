"""The events of a file in the order of time, and the manoeuvres that they make."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drivesim.scenario.interchange.openscenario.actions import Actions, Manoeuvre
from drivesim.scenario.interchange.openscenario.notes import Notes, UnmappableError
from drivesim.scenario.interchange.openscenario.triggers import moment, read_trigger

MAX_EVENTS = 100
_Named = tuple[str, str]


@dataclass(eq=False)
class _Event:
    """`around`: the kind and name of the act, group and manoeuvre that it is part of."""

    element: ET.Element
    name: str
    actors: list[str]
    act_trigger: Any
    trigger: Any
    around: tuple[_Named, ...]


@dataclass
class Story:
    """What happens: manoeuvres of each vehicle with the element that each is from, the lanes that they lead to.

    spans: start and end in seconds of events, actions and what they are part of, by kind and name.
    end_s: end of the last manoeuvre.
    """

    actions: Actions
    notes: Notes
    manoeuvres: dict[str, list[tuple[Manoeuvre, ET.Element]]] = field(default_factory=dict)
    lanes: set[int] = field(default_factory=set)
    spans: dict[_Named, tuple[float, float | None]] = field(default_factory=dict)
    end_s: float = 0.0

    def tell(self, root: ET.Element) -> None:
        """Adds the events of a file, the earliest first, because later ones may depend on them."""
        waiting = list(self._events(root))
        while waiting:
            due: list[tuple[float, _Event]] = []
            for event in waiting.copy():
                try:
                    start = self._start(event)
                except UnmappableError as error:
                    self._drop(event, str(error))
                    waiting.remove(event)
                    continue
                if start is not None:
                    due.append((start, event))
            if not due:
                break
            start, event = min(due, key=lambda entry: entry[0])
            waiting.remove(event)
            self._perform(event, start)
            for part in event.around:
                if not any(part in other.around for other in waiting):
                    self.spans[part] = (self.spans[part][0], self.end_s)
        for event in waiting:
            self._drop(event, "what it waits for does not come about")

    def _start(self, event: _Event) -> float | None:
        act = moment(event.act_trigger, self.spans, self.actions.motions)
        if act is None:
            return None
        for part in event.around:
            self.spans.setdefault(part, (act, None))
        return moment(event.trigger, self.spans, self.actions.motions, act)

    def _perform(self, event: _Event, start: float) -> None:
        end = start
        for action in event.element.findall("Action"):
            named, private = f"action {action.get('name')}", action.find("PrivateAction")
            if private is None:
                what = next((part.tag for part in action.iter() if part is not action), "an empty action")
                self.notes.dropped(action, named, f"{what} is no action of a vehicle")
                continue
            for actor in event.actors:
                with self.notes.dropping(action, f"{named} of {actor}"):
                    made = self.actions.manoeuvre(private, start, actor)
                    if made is not None:
                        self.manoeuvres.setdefault(actor, []).append((made, action))
                        self.lanes.add(self.actions.motions[actor].lane)
                        end = max(end, start + made["duration_s"])
            self.spans["action", action.get("name", "")] = (start, end)
        self.spans["event", event.name] = (start, end)
        self.end_s = max(self.end_s, end)

    def _events(self, root: ET.Element) -> Iterator[_Event]:
        count = 0
        for act in root.iterfind("Storyboard/Story/Act"):
            for group in act.iterfind("ManeuverGroup"):
                for reference in group.iterfind("CatalogReference"):
                    self.notes.dropped(reference, f"manoeuvre {reference.get('entryName')}", "catalogues are not read")
                for manoeuvre in group.iterfind("Maneuver"):
                    parts = (("act", act), ("maneuverGroup", group), ("maneuver", manoeuvre))
                    around = tuple((kind, part.get("name", "")) for kind, part in parts)
                    for element in manoeuvre.iterfind("Event"):
                        count += 1
                        with self.notes.dropping(element, f"event {element.get('name')}"):
                            yield self._event(element, act, group, around, count)

    def _event(
        self, element: ET.Element, act: ET.Element, group: ET.Element, around: tuple[_Named, ...], count: int
    ) -> _Event:
        actors = [reference.get("entityRef", "") for reference in group.iterfind("Actors/EntityRef")]
        if count > MAX_EVENTS:
            raise UnmappableError(f"more than {MAX_EVENTS} events")
        if not actors:
            raise UnmappableError("it names no actor")
        if not any(actor in self.actions.motions for actor in actors):
            raise UnmappableError(f"its actor, {actors[0]}, was dropped")
        act_trigger, trigger = (read_trigger(owner.find("StartTrigger")) for owner in (act, element))
        return _Event(element, element.get("name", ""), actors, act_trigger, trigger, around)

    def _drop(self, event: _Event, why: str) -> None:
        self.notes.dropped(event.element, f"event {event.name}", why)
