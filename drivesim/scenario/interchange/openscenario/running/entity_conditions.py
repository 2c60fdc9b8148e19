"""Conditions on entities, each tested for one entity at the present time."""

from __future__ import annotations

import math
import operator
import xml.etree.ElementTree as ET
from collections.abc import Callable

from drivesim.geometry.cuboids import rectangles_overlap
from drivesim.scenario.interchange.openscenario.reading.attributes import (
    child,
    choice,
    flag,
    number,
    only_child,
    text,
    whole,
)
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError, unsupported
from drivesim.scenario.interchange.openscenario.roads.places import Place, position_in, referred, resolve
from drivesim.scenario.interchange.openscenario.running.world import COORDINATE_SYSTEMS, Entity, World

Holds = Callable[[Entity], bool]
_Quantity = Callable[[Entity], float | None]

_ROUNDING = 1e-9
_RULES: dict[str, Callable[[float, float], bool]] = {
    "greaterThan": operator.gt,
    "greaterOrEqual": lambda value, asked: value >= asked - _ROUNDING,
    "lessThan": operator.lt,
    "lessOrEqual": lambda value, asked: value <= asked + _ROUNDING,
    "equalTo": lambda value, asked: math.isclose(value, asked, abs_tol=0.01),
    "notEqualTo": lambda value, asked: not math.isclose(value, asked, abs_tol=0.01),
}
_AXES = ("longitudinal", "lateral")
_DISTANCES = (*_AXES, "euclidianDistance", "cartesianDistance")
_SLOWEST_MPS = 1e-6
_SAME_HEADING_RAD = 0.05  # as in esmini; the standard names no tolerance


def compared(element: ET.Element, default: str | None = None) -> Callable[[float], bool]:
    """Returns a function that compares a quantity with the `value` of an element by its `rule`."""
    compare, asked = _RULES[choice(element, "rule", tuple(_RULES), default)], number(element, "value")
    return lambda value: compare(value, asked)


def entity_condition(element: ET.Element, world: World) -> Holds:
    """Returns a test of the condition in an EntityCondition.

    Raises:
        UnmappableError: The condition is not known.
    """
    condition = only_child(element)
    if condition.tag in _MEASURED:
        quantity, rule = _MEASURED[condition.tag](condition, world), compared(condition, "greaterOrEqual")
        return lambda entity: (value := quantity(entity)) is not None and rule(value)
    if condition.tag in _HOLDING:
        return _HOLDING[condition.tag](condition, world)
    raise unsupported(condition.tag)


def _speed(condition: ET.Element, world: World) -> _Quantity:
    _longitudinal_only(condition)
    return lambda entity: entity.speed_mps


def _relative_speed(condition: ET.Element, world: World) -> _Quantity:
    _longitudinal_only(condition)
    other = _other(condition, world)
    return lambda entity: None if other.place is None else entity.speed_mps - other.speed_mps


def _acceleration(condition: ET.Element, world: World) -> _Quantity:
    _longitudinal_only(condition)
    return lambda entity: entity.acceleration_mps2


def _travelled(condition: ET.Element, world: World) -> _Quantity:
    start: dict[str, float] = {}
    return lambda entity: entity.travelled_m - start.setdefault(entity.name, entity.travelled_m)


def _relative_distance(condition: ET.Element, world: World) -> _Quantity:
    other, freespace = _other(condition, world), flag(condition, "freespace")
    kind = choice(condition, "relativeDistanceType", _DISTANCES)
    system = choice(condition, "coordinateSystem", COORDINATE_SYSTEMS, "entity")

    def distance(entity: Entity) -> float | None:
        if other.place is None:
            return None
        if kind in _AXES:
            return abs(world.gap(entity, other, kind, system, freespace))
        if freespace:
            from shapely import Polygon  # expensive, and few files measure this way

            return float(Polygon(world.box(entity)).distance(Polygon(world.box(other))))
        return math.hypot(*world.offset_to(entity, other.here.pose(world.roads)))

    return distance


def _distance(condition: ET.Element, world: World) -> _Quantity:
    place, freespace = _place(condition, world), flag(condition, "freespace")
    kind = choice(condition, "relativeDistanceType", _DISTANCES, "euclidianDistance")
    system = choice(condition, "coordinateSystem", COORDINATE_SYSTEMS, "entity")

    def distance(entity: Entity) -> float:
        if kind in _AXES:
            return abs(world.gap_to_place(entity, place(), kind, system, freespace))
        return math.hypot(*world.offset_to(entity, place().pose(world.roads)))

    return distance


def _headway(condition: ET.Element, world: World) -> _Quantity:
    gap = _gap_ahead(condition, _other(condition, world), world)

    def headway(entity: Entity) -> float | None:
        ahead = gap(entity)
        return None if ahead is None or entity.speed_mps <= _SLOWEST_MPS else ahead / entity.speed_mps

    return headway


def _time_to_collision(condition: ET.Element, world: World) -> _Quantity:
    target = child(condition, "TimeToCollisionConditionTarget")
    reference = target.find("EntityRef")
    if reference is None:
        place, freespace = _place(target, world), flag(condition, "freespace")

        def until_place(entity: Entity) -> float | None:
            ahead = world.gap_to_place(entity, place(), "longitudinal", _system(condition), freespace)
            return None if ahead < 0 or entity.speed_mps <= _SLOWEST_MPS else ahead / entity.speed_mps

        return until_place
    other = _other(reference, world)
    gap = _gap_ahead(condition, other, world)

    def until_collision(entity: Entity) -> float | None:
        ahead = gap(entity)
        if ahead is None:
            return None
        turned = other.here.pose(world.roads).heading - entity.here.pose(world.roads).heading
        closing = entity.speed_mps - math.cos(turned) * other.speed_mps
        return None if closing <= _SLOWEST_MPS else ahead / closing

    return until_collision


def _standing(condition: ET.Element, world: World) -> Holds:
    duration = number(condition, "duration")
    return lambda entity: entity.stood_s >= duration - 1e-9


def _reached(condition: ET.Element, world: World) -> Holds:
    place, tolerance = _place(condition, world), number(condition, "tolerance")
    oriented = condition.find("Position/*/Orientation") is not None

    def reached(entity: Entity) -> bool:
        asked = place().pose(world.roads)
        if math.hypot(*world.offset_to(entity, asked)) > tolerance:
            return False
        turned = math.remainder(entity.here.pose(world.roads).heading - asked.heading, 2 * math.pi)
        return not oriented or abs(turned) < _SAME_HEADING_RAD

    return reached


def _collision(condition: ET.Element, world: World) -> Holds:
    reference = condition.find("EntityRef")
    others = [_other(reference, world)] if reference is not None else list(world.entities.values())

    def collides(entity: Entity) -> bool:
        box = world.box(entity)
        return any(
            bool(rectangles_overlap(box, world.box(other)))
            for other in others
            if other is not entity and other.place is not None
        )

    return collides


def _end_of_road(condition: ET.Element, world: World) -> Holds:
    duration, since = number(condition, "duration"), dict[str, float]()

    def at_end(entity: Entity) -> bool:
        place, length = entity.here, world.roads.length(entity.here.road)
        ahead = length - place.s if place.along > 0 else place.s
        if ahead > 0 or world.roads.beyond(place.road, place.along > 0, place.lane) is not None:
            since.pop(entity.name, None)
            return False
        return world.now_s - since.setdefault(entity.name, world.now_s) >= duration - 1e-9

    return at_end


def _offroad(condition: ET.Element, world: World) -> Holds:
    duration, since = number(condition, "duration"), dict[str, float]()

    def beside(entity: Entity) -> bool:
        here, t = entity.here, entity.here.t(world.roads)
        lane = world.roads.lane_at(here.road, here.s, t)
        off = abs(t - world.roads.lane_centre(here.road, here.s, lane))
        if off <= world.roads.lane_width(here.road, here.s, lane) / 2:
            since.pop(entity.name, None)
            return False
        return world.now_s - since.setdefault(entity.name, world.now_s) >= duration - 1e-9

    return beside


def _clearance(condition: ET.Element, world: World) -> Holds:
    """Returns a test for the absence of other entities nearby on the road (ASAM OpenSCENARIO XML 1.2).

    The condition gives distances along the road and the lanes beside the entity's own.
    """
    forward, backward = number(condition, "distanceForward", 0.0), number(condition, "distanceBackward", 0.0)
    freespace, opposite = flag(condition, "freeSpace"), flag(condition, "oppositeLanes")
    asked = {reference.get("entityRef", "") for reference in condition.iterfind("EntityRef")}
    ranges = [
        (whole(part, "from", -1_000_000), whole(part, "to", 1_000_000))
        for part in condition.iterfind("RelativeLaneRange")
    ]

    def clear(entity: Entity) -> bool:
        own = entity.here
        for other in world.entities.values():
            if other is entity or other.place is None or other.here.road != own.road:
                continue
            if asked and other.name not in asked:
                continue
            if not opposite and other.here.along != own.along:
                continue
            gap = world.gap(entity, other, "longitudinal", "road", freespace)
            if not -backward <= gap <= forward:
                continue
            lanes = own.along * (_order(other, world) - _order(entity, world))
            if not ranges or any(low <= lanes <= high for low, high in ranges):
                return False
        return True

    return clear


def _order(entity: Entity, world: World) -> int:
    """Returns the index of an entity's lane, counted without a gap, although there is no lane 0."""
    lane = world.roads.lane_at(entity.here.road, entity.here.s, entity.here.t(world.roads))
    return lane - 1 if lane > 0 else lane


_MEASURED: dict[str, Callable[[ET.Element, World], _Quantity]] = {
    "SpeedCondition": _speed,
    "RelativeSpeedCondition": _relative_speed,
    "AccelerationCondition": _acceleration,
    "TraveledDistanceCondition": _travelled,
    "RelativeDistanceCondition": _relative_distance,
    "DistanceCondition": _distance,
    "TimeHeadwayCondition": _headway,
    "TimeToCollisionCondition": _time_to_collision,
}
_HOLDING: dict[str, Callable[[ET.Element, World], Holds]] = {
    "StandStillCondition": _standing,
    "ReachPositionCondition": _reached,
    "CollisionCondition": _collision,
    "EndOfRoadCondition": _end_of_road,
    "OffroadCondition": _offroad,
    "RelativeClearanceCondition": _clearance,
}


def _gap_ahead(condition: ET.Element, other: Entity, world: World) -> _Quantity:
    kind = choice(condition, "relativeDistanceType", _DISTANCES, "longitudinal")
    if kind == "lateral":
        raise UnmappableError(f"{condition.tag} of a lateral distance is not supported")
    system, freespace = _system(condition), flag(condition, "freespace")

    def gap(entity: Entity) -> float | None:
        if other.place is None:
            return None
        ahead = world.gap(entity, other, "longitudinal", system, freespace)
        if ahead < 0:
            return None
        return ahead if kind == "longitudinal" else math.hypot(*world.offset_to(entity, other.here.pose(world.roads)))

    return gap


def _system(condition: ET.Element) -> str:
    return choice(condition, "coordinateSystem", COORDINATE_SYSTEMS, "entity")


def _longitudinal_only(condition: ET.Element) -> None:
    if condition.get("direction", "longitudinal") != "longitudinal":
        raise UnmappableError(f"{condition.tag} is supported for the longitudinal direction only")


def _other(element: ET.Element, world: World) -> Entity:
    return world.entity(text(element, "entityRef"))


def _place(element: ET.Element, world: World) -> Callable[[], Place]:
    """Returns a function for the place of a Position, which may move with an entity."""
    position = position_in(element)
    if referred(position) is None:
        resolve(position, world.roads, world.place_of)  # reports unsupported positions before anything runs
    return lambda: resolve(position, world.roads, world.place_of)
