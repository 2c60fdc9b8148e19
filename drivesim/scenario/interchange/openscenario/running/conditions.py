"""Triggers: groups of conditions that are fulfilled at the same time, with edges and delays."""

from __future__ import annotations

import operator
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from drivesim.scenario.interchange.openscenario.reading.attributes import choice, number, only_child, text
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, UnmappableError, unsupported
from drivesim.scenario.interchange.openscenario.running.entity_conditions import compared, entity_condition
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, World

_EDGES = ("none", "rising", "falling", "risingOrFalling")
_ORDERS: dict[str, Callable[[str, str], bool]] = {"equalTo": operator.eq, "notEqualTo": operator.ne}


class Elements(Protocol):
    """An interface that finds parts of the storyboard by their names."""

    def state_holds(self, kind: str, reference: str, state: str, owner: tuple[str, ...]) -> Callable[[], bool]:
        """Returns a function that tests whether a part is in a state or undergoes a transition now.

        Raises:
            UnmappableError: There is no such part.
        """


@dataclass
class Condition:
    """One condition; `holds` returns whether it is fulfilled now, and by which entities."""

    name: str
    kind: str
    edge: str
    delay_s: float
    holds: Callable[[], tuple[bool, frozenset[str]]]
    _step: int = -1
    _before: bool | None = None
    _now: bool | None = None
    _was_false: bool = False
    _was_true: bool = False
    _history: dict[int, tuple[bool, frozenset[str]]] = field(default_factory=dict)

    def check(self, step: int) -> tuple[bool, frozenset[str]]:
        """Returns whether the condition is fulfilled in a step, and by which entities.

        Edge and delay are taken into account. An edge needs an earlier value that differs, so the first check of a
        condition gives none. Repeated checks in the same step are allowed.
        """
        if step != self._step:
            self._before, self._step, self._was_false, self._was_true = self._now, step, False, False
        value, entities = self.holds()
        rising = value and (self._before is False or self._was_false)
        falling = not value and (self._before is True or self._was_true)
        self._now = value
        self._was_false, self._was_true = self._was_false or not value, self._was_true or value
        result = {"none": value, "rising": rising, "falling": falling}.get(self.edge, rising or falling)
        if not self.delay_s:
            return result, entities
        self._history[step] = (result or self._history.get(step, (False,))[0], entities)
        return self._history.get(step - round(self.delay_s / STEP_S), (False, frozenset()))

    def forget(self) -> None:
        """Resets the condition to the state before its first check."""
        self._step, self._before, self._now = -1, None, None
        self._history.clear()


@dataclass
class Trigger:
    """A trigger that fires once all conditions of a group are fulfilled; without groups, it fires at once."""

    groups: list[list[Condition]]

    def fires(self, step: int) -> tuple[bool, frozenset[str], list[Condition]]:
        """Returns whether it fires in a step, the triggering entities, and the conditions of the group."""
        if not self.groups:
            return True, frozenset(), []
        fired: tuple[bool, frozenset[str], list[Condition]] = (False, frozenset(), [])
        for group in self.groups:  # edges need a check of every condition in every step
            results = [condition.check(step) for condition in group]
            if all(result for result, _ in results) and not fired[0]:
                fired = (True, frozenset().union(*(entities for _, entities in results)), group)
        return fired

    def forget(self) -> None:
        """Resets all conditions to the state before their first check."""
        for group in self.groups:
            for condition in group:
                condition.forget()


@dataclass
class Triggers:
    """Reads triggers; unknown conditions are noted and are never fulfilled."""

    world: World
    elements: Elements
    notes: Notes
    members: Callable[[str], list[str]]

    def read(self, element: ET.Element | None, owner: tuple[str, ...]) -> Trigger | None:
        """Returns the trigger of an element, or None if there is no element.

        Args:
            element: A StartTrigger or StopTrigger.
            owner: Names of the enclosing parts, for references.
        """
        if element is None:
            return None
        groups = [
            [self._condition(condition, owner) for condition in group.iterfind("Condition")]
            for group in element.iterfind("ConditionGroup")
        ]
        return Trigger([group for group in groups if group])

    def _condition(self, element: ET.Element, owner: tuple[str, ...]) -> Condition:
        name = element.get("name", "")
        kinds = [part.tag for part in element.iter() if part.tag.endswith("Condition") and part is not element]
        kind = next((tag for tag in kinds if tag not in _AROUND), element.tag)
        try:
            edge, delay = choice(element, "conditionEdge", _EDGES, "none"), number(element, "delay", 0.0)
            return Condition(name, kind, edge, max(delay, 0.0), self._holds(element, owner))
        except UnmappableError as error:
            of = owner[-1] if owner else "the storyboard"
            why = str(error) if str(error).startswith(kind) else f"{kind}: {error}"
            self.notes.unknown(element, f"condition {name or kind} of {of}", why)
            return Condition(name, kind, "none", 0.0, lambda: (False, frozenset()))

    def _holds(self, element: ET.Element, owner: tuple[str, ...]) -> Callable[[], tuple[bool, frozenset[str]]]:
        by_entity = element.find("ByEntityCondition")
        if by_entity is not None:
            return self._by_entity(by_entity)
        by_value = element.find("ByValueCondition")
        if by_value is None:
            raise UnmappableError("it is empty")
        value = self._by_value(only_child(by_value), owner)
        return lambda: (value(), frozenset())

    def _by_entity(self, element: ET.Element) -> Callable[[], tuple[bool, frozenset[str]]]:
        triggering, condition = element.find("TriggeringEntities"), element.find("EntityCondition")
        if triggering is None or condition is None:
            raise UnmappableError("it names no entity")
        every = choice(triggering, "triggeringEntitiesRule", ("any", "all"), "any") == "all"
        named = [name for part in triggering.iterfind("EntityRef") for name in self.members(text(part, "entityRef"))]
        entities = [self.world.entity(name) for name in named]
        if not entities:
            raise UnmappableError("it names no entity")
        holds = entity_condition(condition, self.world)

        def check() -> tuple[bool, frozenset[str]]:
            by = [entity.name for entity in entities if entity.place is not None and holds(entity)]
            return (len(by) == len(entities) if every else bool(by)), frozenset(by)

        return check

    def _by_value(self, element: ET.Element, owner: tuple[str, ...]) -> Callable[[], bool]:
        match element.tag:
            case "SimulationTimeCondition":
                return self._time(element)
            case "StoryboardElementStateCondition":
                kind, state = text(element, "storyboardElementType"), text(element, "state")
                return self.elements.state_holds(kind, text(element, "storyboardElementRef"), state, owner)
            case "ParameterCondition":
                return self._named(element, "parameterRef", self.world.parameters)
            case "VariableCondition":
                return self._named(element, "variableRef", self.world.variables)
        raise unsupported(element.tag)

    def _time(self, element: ET.Element) -> Callable[[], bool]:
        rule, value = text(element, "rule"), number(element, "value")
        compare = compared(element)
        if rule == "greaterThan":
            # The first step after a time counts as that time, because steps have a finite length.
            return lambda: self.world.now_s > 0 and self.world.now_s >= value - 1e-9
        return lambda: compare(round(self.world.now_s, 6))

    def _named(self, element: ET.Element, attribute: str, values: dict[str, str]) -> Callable[[], bool]:
        name, asked, rule = text(element, attribute).lstrip("$"), text(element, "value"), text(element, "rule")
        if name not in values:
            raise UnmappableError(f"there is no {name!r} in the file")

        def holds() -> bool:
            try:
                return compared(element)(float(values[name]))
            except (ValueError, UnmappableError):
                return rule in _ORDERS and _ORDERS[rule](values[name].lower(), asked.lower())

        return holds


_AROUND = ("ByEntityCondition", "ByValueCondition", "EntityCondition")
