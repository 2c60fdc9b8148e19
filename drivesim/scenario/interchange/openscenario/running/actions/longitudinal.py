"""Actions along the road: speeds, profiles of speeds, distances to another entity, and joint arrivals."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable

from drivesim.scenario.checks.limits import HARD_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2
from drivesim.scenario.interchange.openscenario.reading.attributes import (
    child,
    child_or_empty,
    choice,
    flag,
    number,
    only_child,
    text,
)
from drivesim.scenario.interchange.openscenario.reading.notes import Changed, UnmappableError
from drivesim.scenario.interchange.openscenario.roads.places import resolve
from drivesim.scenario.interchange.openscenario.running.dynamics import Dynamics, lengthened
from drivesim.scenario.interchange.openscenario.running.runs.longitudinal import (
    FollowSpeedRun,
    KeepDistanceRun,
    SpeedProfileRun,
    SpeedRun,
    SynchronizeRun,
)
from drivesim.scenario.interchange.openscenario.running.runs.run import SLOWEST_MPS, Begin, Run
from drivesim.scenario.interchange.openscenario.running.speed_profiles import Limits, followed_profile, linear_profile
from drivesim.scenario.interchange.openscenario.running.world import COORDINATE_SYSTEMS, Entity, World

AT_ONCE_S = 0.1
"""A speed step or a teleport this early counts as part of the first moment, as many files mean it."""
_USUAL_ACCELERATION_MPS2, _USUAL_DECELERATION_MPS2, _USUAL_FASTEST_MPS = 5.0, 8.0, 90.0
_LEAST_MPS2 = 1.0
_SAME_MPS = 0.01


def speed_action(said: ET.Element, world: World, changed: Changed) -> Begin:
    """Returns the start of a SpeedAction."""
    dynamics = Dynamics.read(child(said, "SpeedActionDynamics"))
    target = only_child(child(said, "SpeedActionTarget"))

    def go_to(entity: Entity, speed_mps: float) -> Run | str:
        entity.here  # noqa: B018 - an entity without a place has no speed
        if dynamics.immediate and (
            _has_just_been_placed(entity, world) or abs(speed_mps - entity.speed_mps) < _SAME_MPS
        ):
            _jump(entity, speed_mps, world)
            return f"has {speed_mps:.4g} m/s"
        return SpeedRun(entity, world, speed_mps, _feasible(dynamics, entity, speed_mps, changed))

    if target.tag == "AbsoluteTargetSpeed":
        speed = number(target, "value")
        return lambda entity: go_to(entity, speed)
    other, value = world.entity(text(target, "entityRef")), number(target, "value")
    factor = choice(target, "speedTargetValueType", ("delta", "factor"), "delta") == "factor"

    def asked() -> float:
        return other.speed_mps * value if factor else other.speed_mps + value

    if not flag(target, "continuous"):
        return lambda entity: go_to(entity, asked())

    def follow(entity: Entity) -> Run:
        if dynamics.immediate and _has_just_been_placed(entity, world):
            _jump(entity, asked(), world)
        change = abs(asked() - entity.speed_mps)
        lasts = 0.0 if dynamics.immediate else dynamics.duration_s(change, max(entity.speed_mps, SLOWEST_MPS))
        rate = min(change / lasts if lasts else HARD_ACCELERATION_MPS2, HARD_ACCELERATION_MPS2)
        return FollowSpeedRun(entity, asked, max(rate, _LEAST_MPS2), f"takes the speed of {other.name} from now on")

    return follow


def _feasible(dynamics: Dynamics, entity: Entity, speed_mps: float, changed: Changed) -> Dynamics:
    """Returns the transition to a speed, which takes longer if the vehicle or its tyres demand it; this is noted."""
    if dynamics.immediate:
        dynamics = dynamics.lasting(0.0, "smooth")
    change = abs(speed_mps - entity.speed_mps)
    lasts = dynamics.duration_s(change, (abs(speed_mps) + abs(entity.speed_mps)) / 2)
    steepest = change * dynamics.peak_slope
    _, acceleration, deceleration = entity.vehicle.performance
    limit = acceleration if abs(speed_mps) > abs(entity.speed_mps) else deceleration
    if lasts < steepest / limit - 1e-6:
        what = f"takes {steepest / limit:.1f} s, not {lasts:.1f} s, as its Performance allows"
        changed(f"speed of {entity.name}", what)
        lasts = steepest / limit
        dynamics = dynamics.lasting(lasts)
    if lasts < steepest / MAX_ACCELERATION_MPS2:
        longer = steepest / HARD_ACCELERATION_MPS2
        changed(f"speed of {entity.name}", lengthened(longer, lasts))
        dynamics = dynamics.lasting(longer)
    return dynamics


def _has_just_been_placed(entity: Entity, world: World) -> bool:
    """Returns whether an entity has been placed so recently that it may have any speed."""
    since = entity.tracks[-1][0].time_s if entity.tracks else 0.0
    return world.now_s - since <= AT_ONCE_S


def _jump(entity: Entity, speed_mps: float, world: World) -> None:
    """Sets a speed at once; earlier motion of the entity is ignored."""
    change = abs(speed_mps - entity.speed_mps)
    entity.jump_to_speed(speed_mps)
    if change >= _SAME_MPS:
        if world.now_s > AT_ONCE_S:
            entity.tracks.pop()  # it has just been placed there
        entity.put(entity.here, world.now_s, world.roads)


def speed_profile_action(said: ET.Element, world: World, changed: Changed) -> Begin:
    """Returns the start of a SpeedProfileAction."""
    entries = [(number(entry, "time", -1.0), number(entry, "speed")) for entry in said.iterfind("SpeedProfileEntry")]
    if not entries:
        raise UnmappableError("a SpeedProfileAction without entries")
    reference = said.get("entityRef")
    base = world.entity(reference) if reference else None
    follows = choice(said, "followingMode", ("follow", "position")) == "follow"
    accelerates, decelerates, _ = _bounds(said)
    constraints = child_or_empty(said, "DynamicConstraints")
    rates = [max(number(constraints, name, math.inf), 0.01) for name in ("maxAccelerationRate", "maxDecelerationRate")]

    def begin(entity: Entity) -> Run:
        _, fastest, hardest = entity.vehicle.performance
        limits = Limits(min(accelerates, fastest), min(decelerates, hardest), *rates)
        times, speeds = [0.0], [entity.speed_mps]
        for lasts, speed in entries:
            if lasts == 0 and len(speeds) == 1 and follows:
                continue  # an entry for this moment, at which the entity has a speed already
            reached = speed + (base.speed_mps if base else 0.0)
            change = reached - speeds[-1]
            least = abs(change) / limits.acceleration_for(change)
            times.append(times[-1] + (least if lasts < 0 else max(lasts, least)))
            speeds.append(reached)
        profile = linear_profile(times, speeds)
        if follows and len(speeds) > 1 and any(map(math.isfinite, rates)):
            followed = followed_profile(times, speeds, entity.acceleration_mps2, limits)
            if followed is None:
                what = "is linear, because its entries are too close to one another for the limits on jerk"
                changed(f"speed profile of {entity.name}", what)
            profile = followed or profile
        return SpeedProfileRun(entity, profile, len(entries))

    return begin


def distance_action(said: ET.Element, world: World, changed: Changed) -> Begin:
    """Returns the start of a LongitudinalDistanceAction."""
    other, bounds = world.entity(text(said, "entityRef")), _bounds(said)
    freespace, continuous = flag(said, "freespace"), flag(said, "continuous")
    system = choice(said, "coordinateSystem", COORDINATE_SYSTEMS, "entity")
    asked_m = number(said, "distance") if "distance" in said.attrib else None
    gap_s = number(said, "timeGap") if asked_m is None else 0.0
    changed("LongitudinalDistanceAction", "drivesim's own controller approaches the distance")

    def begin(entity: Entity) -> Run:
        def gap() -> float:
            return world.gap(entity, other, "longitudinal", system, freespace)

        side = 1.0 if gap() >= 0 else -1.0

        def wanted() -> float:
            return side * (gap_s * entity.speed_mps if asked_m is None else asked_m)

        return KeepDistanceRun(entity, other, wanted, gap, bounds, continuous)

    return begin


def _bounds(said: ET.Element) -> tuple[float, float, float]:
    """Returns the largest acceleration, deceleration and speed of an action."""
    constraints = child_or_empty(said, "DynamicConstraints")
    return (
        max(number(constraints, "maxAcceleration", _USUAL_ACCELERATION_MPS2), 0.01),
        max(number(constraints, "maxDeceleration", _USUAL_DECELERATION_MPS2), 0.01),
        number(constraints, "maxSpeed", _USUAL_FASTEST_MPS),
    )


def synchronize_action(said: ET.Element, world: World) -> Begin:
    """Returns the start of a SynchronizeAction."""
    master = world.entity(text(said, "masterEntityRef"))
    theirs, own = child(said, "TargetPositionMaster"), child(said, "TargetPosition")
    final = said.find("FinalSpeed/AbsoluteSpeed")
    relative = said.find("FinalSpeed/RelativeSpeedToMaster")
    final_mps: Callable[[], float] | None = None
    if final is not None:
        value = number(final, "value")
        final_mps = lambda: value  # noqa: E731
    elif relative is not None:
        difference = number(relative, "value")
        final_mps = lambda: master.speed_mps + difference  # noqa: E731

    def way_to(position: ET.Element) -> Callable[[Entity], float]:
        def way(entity: Entity) -> float:
            place = resolve(position, world.roads, world.place_of)
            if place.road == entity.here.road:
                return world.gap_to_place(entity, place, "longitudinal", "road", False)
            return math.hypot(*world.offset_to(entity, place.pose(world.roads)))

        return way

    return lambda entity: SynchronizeRun(entity, master, way_to(own), way_to(theirs), final_mps)
