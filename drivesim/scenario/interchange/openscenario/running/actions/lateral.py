"""Actions across the road: lane changes, offsets within a lane, and lateral distances to another entity."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from drivesim.scenario.checks.limits import HARD_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2
from drivesim.scenario.interchange.openscenario.reading.attributes import (
    child,
    child_or_empty,
    choice,
    flag,
    number,
    only_child,
    text,
    whole,
)
from drivesim.scenario.interchange.openscenario.reading.notes import Changed
from drivesim.scenario.interchange.openscenario.running.dynamics import Dynamics, lengthened
from drivesim.scenario.interchange.openscenario.running.runs.lateral import LateralDistanceRun, LateralRun
from drivesim.scenario.interchange.openscenario.running.runs.run import SLOWEST_MPS, Begin, Run
from drivesim.scenario.interchange.openscenario.running.world import COORDINATE_SYSTEMS, Entity, World

_USUAL_LANE_CHANGE_S = 3.0
_USUAL_LATERAL_MPS2 = 2.0
_SAME_LANE_M = 0.01
# The side on which an entity has another one of the same direction, to whose left or right it is.
_SIDES = {"any": 0.0, "leftToReferencedEntity": -1.0, "rightToReferencedEntity": 1.0}


def lane_change_action(said: ET.Element, world: World, changed: Changed) -> Begin:
    """Returns the start of a LaneChangeAction."""
    dynamics = Dynamics.read(child(said, "LaneChangeActionDynamics"))
    target, offset = only_child(child(said, "LaneChangeTarget")), number(said, "targetLaneOffset", 0.0)
    value = whole(target, "value")
    other = world.entity(text(target, "entityRef")) if target.tag == "RelativeTargetLane" else None

    def begin(entity: Entity) -> Run | str:
        here, roads = entity.here, world.roads
        lane = value
        if other is not None:
            its = other.here
            beside = roads.lane_at(its.road, its.s, its.t(roads))
            lane = roads.beside(its.road, its.s, beside, its.along * value)
        return _shift(entity, world, changed, lane=lane, offset_m=here.along * offset, dynamics=dynamics)

    return begin


def lane_offset_action(said: ET.Element, world: World, changed: Changed) -> Begin:
    """Returns the start of a LaneOffsetAction."""
    limits, target = child(said, "LaneOffsetActionDynamics"), only_child(child(said, "LaneOffsetTarget"))
    shape = choice(limits, "dynamicsShape", ("linear", "cubic", "sinusoidal", "step"))
    most, value = number(limits, "maxLateralAcc", 0.0), number(target, "value")
    other = world.entity(text(target, "entityRef")) if target.tag == "RelativeTargetLaneOffset" else None

    def begin(entity: Entity) -> Run | str:
        here, roads = entity.here, world.roads
        lane = roads.lane_at(here.road, here.s, here.t(roads))
        offset = here.along * value
        if other is not None:
            its = other.here
            offset += its.t(roads) - roads.lane_centre(its.road, its.s, roads.lane_at(its.road, its.s, its.t(roads)))
        across = abs(roads.lane_centre(here.road, here.s, lane) + offset - here.t(roads))
        dynamics = Dynamics("smooth" if shape == "step" else shape, "time", _USUAL_LANE_CHANGE_S)
        if most > 0:
            curvature = max(dynamics.peak_curvature, 4.0)
            dynamics = dynamics.lasting(max(math.sqrt(curvature * across / most), 0.2))
        else:
            why = f"takes {_USUAL_LANE_CHANGE_S:g} s; the file gives no duration"
            changed(f"lane offset of {entity.name}", why)
        return _shift(entity, world, changed, lane=lane, offset_m=offset, dynamics=dynamics)

    return begin


def _shift(
    entity: Entity, world: World, changed: Changed, *, lane: int, offset_m: float, dynamics: Dynamics
) -> Run | str:
    """Returns the move to an offset from the centre of a lane, which takes longer if tyres demand it."""
    here, roads = entity.here, world.roads
    across = abs(roads.lane_centre(here.road, here.s, lane) + offset_m - here.t(roads))
    if across < _SAME_LANE_M:
        return "stays where it is across the road"
    what = f"lane change of {entity.name}"
    if dynamics.immediate:
        dynamics = dynamics.lasting(_USUAL_LANE_CHANGE_S, "smooth")
        changed(what, f"takes {_USUAL_LANE_CHANGE_S:g} s; it was a step")
    lasts = dynamics.duration_s(across, max(abs(entity.speed_mps), SLOWEST_MPS))
    if lasts * lasts < dynamics.peak_curvature * across / MAX_ACCELERATION_MPS2:
        longer = math.sqrt(dynamics.peak_curvature * across / HARD_ACCELERATION_MPS2)
        changed(what, lengthened(longer, lasts))
        dynamics = dynamics.lasting(longer)
    return LateralRun(entity, world, lane, offset_m, dynamics)


def lateral_distance_action(said: ET.Element, world: World, changed: Changed) -> Begin:
    """Returns the start of a LateralDistanceAction."""
    other, constraints = world.entity(text(said, "entityRef")), child_or_empty(said, "DynamicConstraints")
    freespace, continuous = flag(said, "freespace"), flag(said, "continuous")
    system = choice(said, "coordinateSystem", COORDINATE_SYSTEMS, "entity")
    side = choice(said, "displacement", tuple(_SIDES), "any")
    asked_m = number(said, "distance") if "distance" in said.attrib else None
    acceleration = max(number(constraints, "maxAcceleration", _USUAL_LATERAL_MPS2), 0.01)
    fastest = max(number(constraints, "maxSpeed", math.inf), 0.01)
    changed("LateralDistanceAction", "drivesim's own controller approaches the distance")

    def begin(entity: Entity) -> Run:
        # The gap between boxes is 0 while they overlap, so the controller compares the middles of the boxes.
        extent = (entity.vehicle.size_m[1] + other.vehicle.size_m[1]) / 2 if freespace else 0.0
        shifted = other.vehicle.left_m - entity.vehicle.left_m if freespace else 0.0

        def to_left() -> float:
            return world.gap(entity, other, "lateral", system, False) + shifted

        first = to_left()
        turned = other.here.pose(world.roads).heading - entity.here.pose(world.roads).heading
        sign = math.copysign(1.0, first if side == "any" else _SIDES[side] * math.cos(turned))
        wanted = first if asked_m is None else sign * (asked_m + extent)
        return LateralDistanceRun(entity, other, lambda: to_left() - wanted, (acceleration, fastest), continuous)

    return begin
