"""The storyboard: stories, acts, groups, manoeuvres, events and actions with their states (ASAM OpenSCENARIO XML).

In each step, running actions move their entities; then triggers are checked until nothing more changes, so that a part
that starts because another one ends does so at the same moment.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from drivesim.scenario.interchange.openscenario.reading.attributes import choice, flag, only_child, whole
from drivesim.scenario.interchange.openscenario.reading.catalogues import Catalogues
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, UnmappableError
from drivesim.scenario.interchange.openscenario.running.actions import Actions, Begin
from drivesim.scenario.interchange.openscenario.running.conditions import Condition, Trigger, Triggers
from drivesim.scenario.interchange.openscenario.running.runs import Change, Run
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, World

MAX_EVENTS = 500
_MAX_PASSES = 32
_FOREVER = 1_000_000_000

STANDBY, RUNNING, COMPLETE = "standbyState", "runningState", "completeState"
_TRANSITIONS = ("startTransition", "endTransition", "stopTransition", "skipTransition")


@dataclass(frozen=True)
class Happening:
    """An executed action: its time, the action, its entity, and a description."""

    time_s: float
    element: ET.Element
    entity: str
    text: str
    change: Change | None = None


@dataclass(eq=False)
class Part:
    """A part of the storyboard that has a state; `transition` holds the last transition and its step."""

    kind: str
    path: tuple[str, ...]
    element: ET.Element
    state: str = STANDBY
    transition: tuple[str, int] = ("", -1)

    def go(self, state: str, transition: str, step: int) -> None:
        """Changes the state."""
        self.state, self.transition = state, (transition, step)


@dataclass(eq=False)
class ActionPart(Part):
    """An action of an event: its start functions, its entities, and its runs in progress."""

    begin: Begin | None = None
    globally: Callable[[], str] | None = None
    runs: list[Run] = field(default_factory=list)


@dataclass(eq=False)
class Event(Part):
    """Actions that start together."""

    priority: str = "parallel"
    most: int = 1
    trigger: Trigger | None = None
    actions: list[ActionPart] = field(default_factory=list)
    count: int = 0
    started_step: int = -1


@dataclass(eq=False)
class Maneuver(Part):
    """A manoeuvre: events that can override one another."""

    events: list[Event] = field(default_factory=list)


@dataclass(eq=False)
class Group(Part):
    """A group: manoeuvres of the same actors."""

    actors: list[str] = field(default_factory=list)
    takes_triggering: bool = False
    most: int = 1
    maneuvers: list[Maneuver] = field(default_factory=list)
    count: int = 0


@dataclass(eq=False)
class Act(Part):
    """An act: groups between a start and a stop trigger."""

    start: Trigger | None = None
    stop: Trigger | None = None
    groups: list[Group] = field(default_factory=list)


@dataclass(eq=False)
class Story(Part):
    """A story: a list of acts."""

    acts: list[Act] = field(default_factory=list)


class Storyboard:
    """Reads the storyboard of a file and executes it; `happenings` lists the executed actions."""

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
        self._catalogues, self._members, self._step, self._changed = catalogues, members, 0, False
        self._parts: list[Part] = []
        self._running: list[Run] = []
        self.given_speed: set[str] = set()
        self._triggers = Triggers(world, self, notes, members)
        self._pending: list[Callable[[], None]] = []
        board = root.find("Storyboard")
        assert board is not None, "a file without a Storyboard is refused earlier"
        self.element = board
        self.stories = [self._story(element) for element in board.iterfind("Story")]
        for read in self._pending:  # triggers refer to parts that come later in the file
            read()
        self.stop = self._triggers.read(board.find("StopTrigger"), ())
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

        In a reference, `a::b` names the part b inside a.

        Raises:
            UnmappableError: There is no such part or no such state.
        """
        part = self._found(kind, reference, owner)
        if state in _TRANSITIONS:
            return lambda: part.transition == (state, self._step)
        if state not in (STANDBY, RUNNING, COMPLETE):
            raise UnmappableError(f"{state!r} is not a state of a part of the storyboard")
        return lambda: part.state == state

    def _found(self, kind: str, reference: str, owner: tuple[str, ...]) -> Part:
        names = tuple(reference.split("::"))
        found = [part for part in self._parts if part.kind == kind.lower() and _named(part.path, names)]
        if not found:
            raise UnmappableError(f"there is no {kind} {reference!r} in the file")

        def shared(part: Part) -> int:
            return next((n for n, (a, b) in enumerate(zip(part.path, owner, strict=False)) if a != b), len(owner))

        return max(found, key=shared)

    # Reading

    def _add(self, part: Part) -> None:
        self._parts.append(part)

    def _story(self, element: ET.Element) -> Story:
        story = Story("story", (element.get("name", ""),), element, RUNNING)
        self._add(story)
        story.acts = [self._act(act, story.path) for act in element.iterfind("Act")]
        return story

    def _act(self, element: ET.Element, around: tuple[str, ...]) -> Act:
        act = Act("act", (*around, element.get("name", "")), element)
        self._add(act)
        act.groups = [self._group(group, act.path) for group in element.iterfind("ManeuverGroup")]

        def triggers() -> None:
            act.start = self._triggers.read(element.find("StartTrigger"), act.path)
            act.stop = self._triggers.read(element.find("StopTrigger"), act.path)

        self._pending.append(triggers)
        return act

    def _group(self, element: ET.Element, around: tuple[str, ...]) -> Group:
        group = Group("maneuvergroup", (*around, element.get("name", "")), element)
        self._add(group)
        actors = element.find("Actors")
        if actors is not None:
            names = [reference.get("entityRef", "") for reference in actors.iterfind("EntityRef")]
            group.actors = [name for named in names for name in self._members(named)]
            group.takes_triggering = flag(actors, "selectTriggeringEntities")
        with self.notes.knowing(element, f"maximumExecutionCount of {group.path[-1]}"):
            group.most = whole(element, "maximumExecutionCount", 1)
        for part in element:
            if part.tag == "CatalogReference":
                with self.notes.knowing(part, f"manoeuvre {part.get('entryName')}"):
                    group.maneuvers.append(self._maneuver(self._catalogues.resolved(part), group.path))
            elif part.tag == "Maneuver":
                group.maneuvers.append(self._maneuver(part, group.path))
        return group

    def _maneuver(self, element: ET.Element, around: tuple[str, ...]) -> Maneuver:
        maneuver = Maneuver("maneuver", (*around, element.get("name", "")), element)
        self._add(maneuver)
        maneuver.events = [self._event(event, maneuver.path) for event in element.iterfind("Event")]
        return maneuver

    def _event(self, element: ET.Element, around: tuple[str, ...]) -> Event:
        event = Event("event", (*around, element.get("name", "")), element)
        self._add(event)
        with self.notes.knowing(element, f"event {event.path[-1]}"):
            if sum(isinstance(part, Event) for part in self._parts) > MAX_EVENTS:
                raise UnmappableError(f"more than {MAX_EVENTS} events")
            event.most = whole(element, "maximumExecutionCount", 1)
            words = ("overwrite", "override", "parallel", "skip")
            event.priority = choice(element, "priority", words, "parallel")
        event.actions = [self._action(action, event.path) for action in element.iterfind("Action")]

        def trigger() -> None:
            event.trigger = self._triggers.read(element.find("StartTrigger"), event.path)

        self._pending.append(trigger)
        return event

    def _action(self, element: ET.Element, around: tuple[str, ...]) -> ActionPart:
        action = ActionPart("action", (*around, element.get("name", "")), element)
        self._add(action)
        with self.notes.knowing(element, f"action {action.path[-1]} of {around[-1]}"):
            kind = only_child(element)
            if kind.tag == "PrivateAction":
                action.begin = self.actions.private(kind)
            elif kind.tag == "GlobalAction":
                action.globally = self.actions.globally(kind)
            else:
                self.notes.dropped(element, f"action {action.path[-1]}", f"{kind.tag} is meant for another tool")
        return action

    # Running

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
            if (
                isinstance(part, Event)
                and part.state == RUNNING
                and part.count < part.most
                and transition != "stopTransition"
            ):
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


def _named(path: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Returns whether names lead to a part: first those of enclosing parts, in order, and its own name last."""
    if path[-1] != names[-1]:
        return False
    around = iter(path[:-1])
    return all(name in around for name in names[:-1])


def _because(conditions: list[Condition]) -> str:
    kinds = list(dict.fromkeys(condition.kind for condition in conditions))
    return f": {', '.join(kinds)}" if kinds else ""


def entities_in(part: ET.Element) -> set[str]:
    """Returns the names of the entities that an element refers to."""
    return {inner.get("entityRef", "") for inner in part.iter() if "entityRef" in inner.attrib}
