"""Parts of a storyboard with their states: stories, acts, groups, manoeuvres, events and actions."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.running.conditions import Trigger
from drivesim.scenario.interchange.openscenario.running.runs.run import Begin, Run

STANDBY, RUNNING, COMPLETE = "standbyState", "runningState", "completeState"
TRANSITIONS = ("startTransition", "endTransition", "stopTransition", "skipTransition")


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


def referred_part(parts: Iterable[Part], kind: str, reference: str, owner: tuple[str, ...]) -> Part:
    """Returns the part that a reference names; of several, that which shares most enclosing parts with the owner.

    Args:
        parts: All parts of the storyboard.
        kind: The kind of the part, in any case.
        reference: Its name; `a::b` names the part b inside a.
        owner: Names of the parts around the reference.

    Raises:
        UnmappableError: There is no such part.
    """
    names = tuple(reference.split("::"))
    found = [part for part in parts if part.kind == kind.lower() and _named(part.path, names)]
    if not found:
        raise UnmappableError(f"there is no {kind} {reference!r} in the file")

    def shared(part: Part) -> int:
        return next((n for n, (a, b) in enumerate(zip(part.path, owner, strict=False)) if a != b), len(owner))

    return max(found, key=shared)


def _named(path: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Returns whether names lead to a part: first those of enclosing parts, in order, and its own name last."""
    if path[-1] != names[-1]:
        return False
    around = iter(path[:-1])
    return all(name in around for name in names[:-1])
