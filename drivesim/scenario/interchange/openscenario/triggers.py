"""When something begins: triggers that depend on time, on what begins or ends before, on speeds and distances."""

from __future__ import annotations

import operator
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from drivesim.scenario.interchange.openscenario.library import xosc
from drivesim.scenario.interchange.openscenario.motion import Motion, gap_at
from drivesim.scenario.interchange.openscenario.notes import UnmappableError, number, parsed

HORIZON_S = 300.0
_STEP_S = 0.05

Spans = Mapping[tuple[str, str], tuple[float, float | None]]
"""Start in seconds, and end where it is known, of what happens, by its kind ("event", "act", ...) and name."""

_RULES: dict[str, Callable[[Any, Any], Any]] = {
    "greaterThan": operator.gt,
    "greaterOrEqual": operator.ge,
    "lessThan": operator.lt,
    "lessOrEqual": operator.le,
}
_AT_START, _AT_END = ("startTransition", "runningState"), ("endTransition", "completeState", "stopTransition")


def read_trigger(element: ET.Element | None) -> Any:
    """The library's trigger of an element; None without one. UnmappableError where the library cannot read it."""
    return None if element is None else parsed(xosc.Trigger.parse, element)


def moment(trigger: Any, spans: Spans, motions: Mapping[str, Motion], after_s: float = 0.0) -> float | None:
    """Seconds at which a trigger fires, from `after_s` on; at once without one.

    None while it waits for what is not in `spans`, or for what does not come about within `HORIZON_S`.
    UnmappableError where it depends on what only a simulation tells.
    """
    if trigger is None or not trigger.conditiongroups:
        return after_s
    # One group of conditions is enough; within it all are needed.
    groups = [
        [_condition(condition, spans, motions, after_s) for condition in group.conditions]
        for group in trigger.conditiongroups
    ]
    known = [max(moments, default=after_s) for moments in groups if None not in moments]
    return min(known) if known else None


def _condition(trigger: Any, spans: Spans, motions: Mapping[str, Motion], after_s: float) -> float | None:
    delay = number(trigger.delay or 0)
    if isinstance(trigger, xosc.EntityTrigger):
        found = _first(_holds(trigger, motions, after_s), after_s)
        return None if found is None else found + delay
    match trigger.valuecondition:
        case xosc.SimulationTimeCondition(value=value, rule=rule):
            later = rule.name.startswith(("greater", "equal"))
            return (max(after_s, number(value)) if later else after_s) + delay
        case xosc.StoryboardElementStateCondition(element=element, reference=reference, state=state):
            start, end = spans.get((element.name, reference.rsplit("::", 1)[-1]), (None, None))
            if state.name in (*_AT_START, *_AT_END):
                found = start if state.name in _AT_START else end
                return None if found is None else max(found, after_s) + delay
    raise UnmappableError(f"it depends on a {type(trigger.valuecondition).__name__}, which a scenario does not have")


def _times(after_s: float) -> np.ndarray:
    return after_s + np.arange(0.0, HORIZON_S, _STEP_S)


def _first(holds: np.ndarray, after_s: float) -> float | None:
    return float(_times(after_s)[holds.argmax()]) if holds.any() else None


def _holds(trigger: Any, motions: Mapping[str, Motion], after_s: float) -> np.ndarray:
    """Whether the condition of entities holds at `_times`."""
    condition, times = trigger.entitycondition, _times(after_s)
    names = [reference.entity for reference in trigger.triggerentity.entity]
    together = np.logical_and if trigger.triggerentity.triggeringrule.name == "all" else np.logical_or
    each = [_compared(condition, _quantity(condition, _of(motions, name), motions, times)) for name in names]
    if not each:
        raise UnmappableError("its condition names no entity")
    return together.reduce(each)


def _quantity(condition: Any, vehicle: Motion, motions: Mapping[str, Motion], times: np.ndarray) -> np.ndarray:
    """What the condition compares, at `times`; NaN where there is no such thing."""
    match condition:
        case xosc.SpeedCondition():
            return vehicle.speed_at(times)
        case xosc.TraveledDistanceCondition():
            return vehicle.travelled_at(times) - vehicle.travelled_at(times[:1])
        case xosc.RelativeDistanceCondition() if condition.dist_type.name == "longitudinal":
            return np.abs(gap_at(vehicle, _of(motions, condition.entity), times, condition.freespace))
        case xosc.TimeHeadwayCondition() if condition.relative_distance_type.name == "longitudinal":
            gap = gap_at(vehicle, _of(motions, condition.entity), times, condition.freespace)
            return _ratio(gap, vehicle.speed_at(times))
        case xosc.TimeToCollisionCondition(use_entity=True) if condition.relative_distance_type.name == "longitudinal":
            other = _of(motions, condition.entity.entity)
            gap = gap_at(vehicle, other, times, condition.freespace)
            closing = vehicle.speed_at(times) - vehicle.along * other.along * other.speed_at(times)
            return _ratio(gap, closing)
    raise UnmappableError(f"it depends on a {type(condition).__name__}, which only a simulation can tell")


def _compared(condition: Any, quantity: np.ndarray) -> np.ndarray:
    rule = getattr(condition, "rule", None)
    compare = operator.ge if rule is None else _RULES.get(rule.name)
    if compare is None:
        raise UnmappableError(f"its rule, {rule.name}, would hold for an instant only")
    return compare(quantity, number(condition.value)) & np.isfinite(quantity)


def _ratio(gap: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Seconds to close a gap that is ahead; NaN where it is behind, or never closes."""
    return np.where((gap >= 0) & (speed > 1e-6), gap / np.maximum(speed, 1e-6), np.nan)


def _of(motions: Mapping[str, Motion], name: str) -> Motion:
    if name not in motions:
        raise UnmappableError(f"its condition is on {name}, which was dropped")
    return motions[name]
