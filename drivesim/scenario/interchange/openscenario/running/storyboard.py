"""Executes a storyboard in steps, as ASAM OpenSCENARIO XML says.

In each step, running actions move their entities; then triggers are checked until nothing more changes, so that a part
that starts because another one ends does so at the same moment.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from drivesim.scenario.interchange.openscenario.reading.catalogues import Catalogues
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, UnmappableError
from drivesim.scenario.interchange.openscenario.running.actions.dispatch import Actions
from drivesim.scenario.interchange.openscenario.running.conditions import Condition, Triggers
from drivesim.scenario.interchange.openscenario.running.runs.run import Change, Run
from drivesim.scenario.interchange.openscenario.running.storyboard_parts import (
    COMPLETE,
    RUNNING,
    STANDBY,
    TRANSITIONS,
    Act,
    ActionPart,
    Event,
    Group,
    Maneuver,
    Part,
    Story,
    referred_part,
)
from drivesim.scenario.interchange.openscenario.running.storyboard_reading import StoryReader
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, World

_MAX_PASSES = 32


@dataclass(frozen=True)
class Happening:
    """An executed action: its time, the action, its entity, and a description."""

    time_s: float
    element: ET.Element
    entity: str
    text: str
    change: Change | None = None


class Storyboard:
    """The storyboard of a file in execution; `happenings` lists the executed actions."""

    def __init__(
        self,
        root: ET.Element,
        world: World,
        notes: Notes,
        catalogues: Catalogues,
        members: Callable[[str], list[str]],
    ) -> None:
        self.world, self.notes, self.happenings = world, notes, list[Happening]()
        self.actions = Actions(world, notes, catalogues)
        self._step, self._changed = 0, False
        self._running: list[Run] = []
        self.given_speed: set[str] = set()
        board = root.find("Storyboard")
        assert board is not None, "a file without a Storyboard is refused earlier"
        self.element = board
        triggers = Triggers(world, self, notes, members)
        reader = StoryReader(self.actions, triggers, members)
        self._parts = reader.parts  # triggers look for the parts that they refer to while they are read
        self.stories = reader.stories(board.iterfind("Story"))
        self.stop = triggers.read(board.find("StopTrigger"), ())
        self.never_stops = self.stop is None or not self.stop.groups

    def step(self) -> bool:
        """Executes one step and returns whether the storyboard has been stopped."""
        self._step += 1
        self.world.now_s = self._step * STEP_S
        for run in list(self._running):
            try:
                if run.step(self.world):
                    self._running.remove(run)
            except UnmappableError as error:
                self._running.remove(run)
                self._fail(run, error)
        for entity in self.world.entities.values():
            entity.advance(self.world.roads)
            entity.record(self.world.now_s, self.world.roads)
        return self.look()

    def look(self) -> bool:
        """Checks all triggers at the present time and returns whether the storyboard has been stopped."""
        for _ in range(_MAX_PASSES):
            self._changed = False
            for story in self.stories:
                self._look_at_story(story)
            if not self._changed:
                break
        return self.stop is not None and bool(self.stop.groups) and self.stop.fires(self._step)[0]

    @property
    def complete(self) -> bool:
        """Whether all stories have ended, and no action of the initial phase is running."""
        return all(story.state == COMPLETE for story in self.stories) and not self._running

    def never_started(self) -> Iterator[Event]:
        """Yields the events that have not started."""
        for part in self._parts:
            if isinstance(part, Event) and part.started_step < 0:
                yield part

    def start_run(self, run: Run, element: ET.Element) -> None:
        """Starts a run and ends other runs of its entity that control the same domain."""
        for other in list(self._running):
            if other.entity is run.entity and other.domains & run.domains:
                self._running.remove(other)
        self._running.append(run)
        self.happenings.append(Happening(self.world.now_s, element, run.entity.name, run.text, run.change))

    def state_holds(self, kind: str, reference: str, state: str, owner: tuple[str, ...]) -> Callable[[], bool]:
        """Returns a function that tests whether a part is in a state or undergoes a transition now.

        Raises:
            UnmappableError: There is no such part or no such state.
        """
        part = referred_part(self._parts, kind, reference, owner)
        if state in TRANSITIONS:
            return lambda: part.transition == (state, self._step)
        if state not in (STANDBY, RUNNING, COMPLETE):
            raise UnmappableError(f"{state!r} is not a state of a part of the storyboard")
        return lambda: part.state == state

    def _look_at_story(self, story: Story) -> None:
        if story.state == COMPLETE:
            return
        for act in story.acts:
            self._look_at_act(act)
        if all(act.state == COMPLETE for act in story.acts):
            self._go(story, COMPLETE, "endTransition")

    def _look_at_act(self, act: Act) -> None:
        if act.state == COMPLETE:
            return
        if act.state == STANDBY:
            if act.start is not None and not act.start.fires(self._step)[0]:
                return
            self._go(act, RUNNING, "startTransition")
            for group in act.groups:
                self._start_group(group)
        if act.stop is not None and act.stop.groups and act.stop.fires(self._step)[0]:
            for group in act.groups:
                self._end(group, "stopTransition")
            self._go(act, COMPLETE, "stopTransition")
            return
        for group in act.groups:
            self._look_at_group(group)
        if all(group.state == COMPLETE for group in act.groups):
            self._go(act, COMPLETE, "endTransition")

    def _start_group(self, group: Group) -> None:
        self._go(group, RUNNING, "startTransition")
        for maneuver in group.maneuvers:
            self._go(maneuver, RUNNING, "startTransition")
            for event in maneuver.events:
                event.state, event.count = STANDBY, 0
                if event.trigger is not None:
                    event.trigger.forget()

    def _look_at_group(self, group: Group) -> None:
        if group.state != RUNNING:
            return
        for maneuver in group.maneuvers:
            for event in maneuver.events:
                self._look_at_event(event, maneuver, group)
            if maneuver.state == RUNNING and all(event.state == COMPLETE for event in maneuver.events):
                self._go(maneuver, COMPLETE, "endTransition")
        if all(maneuver.state == COMPLETE for maneuver in group.maneuvers):
            again = group.count + 1 < group.most and bool(group.maneuvers)
            if again and any(event.started_step == self._step for m in group.maneuvers for event in m.events):
                return  # an instantaneous action happens only once per step
            group.count += 1
            if again:
                self._start_group(group)
            else:
                self._go(group, COMPLETE, "endTransition")

    def _look_at_event(self, event: Event, maneuver: Maneuver, group: Group) -> None:
        if event.state == COMPLETE:
            return
        if event.state == RUNNING:
            self._look_whether_over(event)
        fires, entities, conditions = (
            (True, frozenset(), []) if event.trigger is None else event.trigger.fires(self._step)
        )
        if event.state != STANDBY or not fires or event.started_step == self._step:
            return
        running = [other for other in maneuver.events if other.state == RUNNING]
        if event.priority == "skip" and running:
            event.transition = ("skipTransition", self._step)
            return
        if event.priority in ("override", "overwrite"):
            for other in running:
                self._end(other, "stopTransition")
        actors = [*group.actors, *sorted(entities)] if group.takes_triggering else group.actors
        self._go(event, RUNNING, "startTransition")
        event.started_step = self._step
        for action in event.actions:
            self._begin(action, list(dict.fromkeys(actors)), conditions)
        self._look_whether_over(event)

    def _begin(self, action: ActionPart, actors: list[str], conditions: list[Condition]) -> None:
        self._go(action, RUNNING, "startTransition")
        action.runs = []
        why = f" (event {action.path[-2]}{_because(conditions)})"
        try:
            if action.globally is not None:
                self._tell(action.element, "", action.globally() + why)
        except UnmappableError as error:
            self.notes.unknown(action.element, f"action {action.path[-1]}", str(error))
        if action.begin is None:
            return
        for name in actors:
            try:
                entity = self.world.entity(name)
                result = action.begin(entity)
            except UnmappableError as error:
                self.notes.unknown(action.element, f"action {action.path[-1]} of {name}", str(error))
                continue
            if isinstance(result, Run):
                result.text += why
                self.start_run(result, action.element)
                action.runs.append(result)
            else:
                self._tell(action.element, name, result + why)

    def _tell(self, element: ET.Element, entity: str, what: str) -> None:
        self.happenings.append(Happening(self.world.now_s, element, entity, what))

    def _look_whether_over(self, event: Event) -> None:
        for action in event.actions:
            if action.state == RUNNING and not any(run in self._running for run in action.runs):
                self._go(action, COMPLETE, "endTransition")
        if all(action.state == COMPLETE for action in event.actions):
            event.count += 1
            self._go(event, STANDBY if event.count < event.most else COMPLETE, "endTransition")

    def _end(self, part: Part, transition: str) -> None:
        """Ends a group or an event with all its parts."""
        if isinstance(part, Group):
            for maneuver in part.maneuvers:
                for event in maneuver.events:
                    self._end(event, transition)
                self._go(maneuver, COMPLETE, transition)
        if isinstance(part, Event):
            for action in part.actions:
                self._running = [run for run in self._running if run not in action.runs]
                if action.state == RUNNING:
                    self._go(action, COMPLETE, transition)
            part.count += 1
            if part.state == RUNNING and part.count < part.most and transition != "stopTransition":
                self._go(part, STANDBY, transition)
                return
        self._go(part, COMPLETE, transition)

    def _go(self, part: Part, state: str, transition: str) -> None:
        part.go(state, transition, self._step)
        self._changed = True

    def _fail(self, run: Run, error: UnmappableError) -> None:
        element = next((h.element for h in reversed(self.happenings) if h.entity == run.entity.name), None)
        if element is not None:
            self.notes.unknown(element, f"action of {run.entity.name}", str(error))


def _because(conditions: list[Condition]) -> str:
    kinds = list(dict.fromkeys(condition.kind for condition in conditions))
    return f": {', '.join(kinds)}" if kinds else ""


def entities_in(part: ET.Element) -> set[str]:
    """Returns the names of the entities that an element refers to."""
    return {inner.get("entityRef", "") for inner in part.iter() if "entityRef" in inner.attrib}
