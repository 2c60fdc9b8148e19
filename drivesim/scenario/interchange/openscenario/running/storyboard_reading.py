"""Reads the stories of a storyboard from their XML elements."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from drivesim.scenario.interchange.openscenario.reading.attributes import choice, flag, only_child, whole
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.running.actions.dispatch import Actions
from drivesim.scenario.interchange.openscenario.running.conditions import Triggers
from drivesim.scenario.interchange.openscenario.running.storyboard_parts import (
    RUNNING,
    Act,
    ActionPart,
    Event,
    Group,
    Maneuver,
    Part,
    Story,
)

MAX_EVENTS = 500


@dataclass
class StoryReader:
    """Reads stories; what cannot be read is noted as unknown.

    Attributes:
        actions: Reads their actions.
        triggers: Reads their triggers.
        members: Returns the entities that a name of an actor stands for.
        parts: All parts read so far, in the order of the file.
    """

    actions: Actions
    triggers: Triggers
    members: Callable[[str], list[str]]
    parts: list[Part] = field(default_factory=list)
    _pending: list[Callable[[], None]] = field(default_factory=list)

    def stories(self, elements: Iterable[ET.Element]) -> list[Story]:
        """Returns the stories of Story elements."""
        stories = [self._story(element) for element in elements]
        for read in self._pending:  # triggers refer to parts that come later in the file
            read()
        return stories

    def _story(self, element: ET.Element) -> Story:
        story = Story("story", (element.get("name", ""),), element, RUNNING)
        self.parts.append(story)
        story.acts = [self._act(act, story.path) for act in element.iterfind("Act")]
        return story

    def _act(self, element: ET.Element, around: tuple[str, ...]) -> Act:
        act = Act("act", (*around, element.get("name", "")), element)
        self.parts.append(act)
        act.groups = [self._group(group, act.path) for group in element.iterfind("ManeuverGroup")]

        def triggers() -> None:
            act.start = self.triggers.read(element.find("StartTrigger"), act.path)
            act.stop = self.triggers.read(element.find("StopTrigger"), act.path)

        self._pending.append(triggers)
        return act

    def _group(self, element: ET.Element, around: tuple[str, ...]) -> Group:
        group = Group("maneuvergroup", (*around, element.get("name", "")), element)
        self.parts.append(group)
        actors = element.find("Actors")
        if actors is not None:
            names = [reference.get("entityRef", "") for reference in actors.iterfind("EntityRef")]
            group.actors = [name for named in names for name in self.members(named)]
            group.takes_triggering = flag(actors, "selectTriggeringEntities")
        with self.actions.notes.knowing(element, f"maximumExecutionCount of {group.path[-1]}"):
            group.most = whole(element, "maximumExecutionCount", 1)
        for part in element:
            if part.tag == "CatalogReference":
                with self.actions.notes.knowing(part, f"manoeuvre {part.get('entryName')}"):
                    group.maneuvers.append(self._maneuver(self.actions.catalogues.resolved(part), group.path))
            elif part.tag == "Maneuver":
                group.maneuvers.append(self._maneuver(part, group.path))
        return group

    def _maneuver(self, element: ET.Element, around: tuple[str, ...]) -> Maneuver:
        maneuver = Maneuver("maneuver", (*around, element.get("name", "")), element)
        self.parts.append(maneuver)
        maneuver.events = [self._event(event, maneuver.path) for event in element.iterfind("Event")]
        return maneuver

    def _event(self, element: ET.Element, around: tuple[str, ...]) -> Event:
        event = Event("event", (*around, element.get("name", "")), element)
        self.parts.append(event)
        with self.actions.notes.knowing(element, f"event {event.path[-1]}"):
            if sum(isinstance(part, Event) for part in self.parts) > MAX_EVENTS:
                raise UnmappableError(f"more than {MAX_EVENTS} events")
            event.most = whole(element, "maximumExecutionCount", 1)
            words = ("overwrite", "override", "parallel", "skip")
            event.priority = choice(element, "priority", words, "parallel")
        event.actions = [self._action(action, event.path) for action in element.iterfind("Action")]

        def trigger() -> None:
            event.trigger = self.triggers.read(element.find("StartTrigger"), event.path)

        self._pending.append(trigger)
        return event

    def _action(self, element: ET.Element, around: tuple[str, ...]) -> ActionPart:
        action = ActionPart("action", (*around, element.get("name", "")), element)
        self.parts.append(action)
        with self.actions.notes.knowing(element, f"action {action.path[-1]} of {around[-1]}"):
            kind = only_child(element)
            if kind.tag == "PrivateAction":
                action.begin = self.actions.private(kind)
            elif kind.tag == "GlobalAction":
                action.globally = self.actions.globally(kind)
            else:
                self.actions.notes.dropped(
                    element, f"action {action.path[-1]}", f"{kind.tag} is meant for another tool"
                )
        return action
