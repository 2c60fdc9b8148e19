"""Actions: those of entities become runs or take effect at once, and global actions set values."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from drivesim.scenario.checks.limits import HARD_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2
from drivesim.scenario.interchange.openscenario.reading.attributes import (
    child,
    choice,
    flag,
    number,
    only_child,
    text,
    whole,
)
from drivesim.scenario.interchange.openscenario.reading.catalogues import Catalogues
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, UnmappableError, unsupported
from drivesim.scenario.interchange.openscenario.roads.curves import read_curve
from drivesim.scenario.interchange.openscenario.roads.places import position_in, resolve
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose
from drivesim.scenario.interchange.openscenario.running.dynamics import Dynamics
from drivesim.scenario.interchange.openscenario.running.runs import (
    FollowSpeedRun,
    KeepDistanceRun,
    LateralDistanceRun,
    LateralRun,
    PathRun,
    Run,
    SpeedProfileRun,
    SpeedRun,
    SynchronizeRun,
    TimedTrajectoryRun,
    free_place,
)
from drivesim.scenario.interchange.openscenario.running.speed_profiles import Limits, followed_profile, linear_profile
from drivesim.scenario.interchange.openscenario.running.world import Entity, World

AT_ONCE_S = 0.1
"""A speed step or a teleport this early counts as part of the first moment, as many files mean it."""
USUAL_LANE_CHANGE_S = 3.0
_USUAL_ACCELERATION_MPS2, _USUAL_DECELERATION_MPS2, _USUAL_FASTEST_MPS = 5.0, 8.0, 90.0
_LEAST_MPS2 = 1.0
_USUAL_LATERAL_MPS2 = 2.0
# The side on which an entity has another one of the same direction, to whose left or right it is.
_SIDES = {"any": 0.0, "leftToReferencedEntity": -1.0, "rightToReferencedEntity": 1.0}
# An entity whose trajectory starts farther away than this, or at another speed, is teleported to its start.
_JUMP_M, _JUMP_MPS = 0.3, 3.5
_SAME_LANE_M, _SAME_MPS = 0.01, 0.01

Begin = Callable[[Entity], Run | str]
"""A function that starts an action of an entity; it returns a run, or the text of what was done at once."""

# These actions change nothing that a scenario shows.
_HARMLESS = {
    "VisibilityAction": "vehicles are always visible",
    "AppearanceAction": "lights and animations are not drawn",
    "ControllerAction": "vehicles follow their actions only",
    "AssignControllerAction": "vehicles follow their actions only",
    "ActivateControllerAction": "vehicles follow their actions only",
    "OverrideControllerValueAction": "vehicles follow their actions only",
    "AssignRouteAction": "vehicles stay on their road",
    "AcquirePositionAction": "vehicles stay on their road",
    "RandomRouteAction": "vehicles stay on their road",
    "TrailerAction": "trailers are not drawn",
    "UserDefinedAction": "it is meant for another tool",
    "InfrastructureAction": "a scenario has no traffic signals",
    "EnvironmentAction": "the environment does not change",
    "SetMonitorAction": "a scenario has no monitors",
}


def harmless(tag: str) -> str | None:
    """Returns why an action may be left out without a change of any motion, or None if it may not."""
    return _HARMLESS.get(tag)


@dataclass
class Actions:
    """Reads actions; an action that cannot be executed raises UnmappableError."""

    world: World
    notes: Notes
    catalogues: Catalogues

    def private(self, action: ET.Element) -> Begin | None:
        """Returns the start of a PrivateAction, or None if it is left out, which is noted.

        Raises:
            UnmappableError: The action cannot be executed.
        """
        kind = only_child(action)
        inner = next(iter(kind), None)
        for part in (kind, inner):
            why = None if part is None else harmless(part.tag)
            if part is not None and why is not None:
                self.notes.dropped(action, f"{part.tag}", why)
                return None
        if kind.tag == "TeleportAction":
            return self._teleport(kind)
        if kind.tag == "SynchronizeAction":
            return self._synchronize(kind)
        if inner is None:
            raise unsupported(kind.tag)
        match kind.tag, inner.tag:
            case "LongitudinalAction", "SpeedAction":
                return self._speed(inner, action)
            case "LongitudinalAction", "SpeedProfileAction":
                return self._speed_profile(inner, action)
            case "LongitudinalAction", "LongitudinalDistanceAction":
                return self._keep_distance(inner, action)
            case "LateralAction", "LaneChangeAction":
                return self._lane_change(inner, action)
            case "LateralAction", "LaneOffsetAction":
                return self._lane_offset(inner, action)
            case "LateralAction", "LateralDistanceAction":
                return self._keep_lateral_distance(inner, action)
            case "RoutingAction", "FollowTrajectoryAction":
                return self._trajectory(inner)
        raise unsupported(inner.tag)

    def globally(self, action: ET.Element) -> Callable[[], str] | None:
        """Returns the effect of a GlobalAction, or None if it is left out, which is noted.

        Raises:
            UnmappableError: The action cannot be executed.
        """
        kind = only_child(action)
        if (why := harmless(kind.tag)) is not None:
            self.notes.dropped(action, kind.tag, why)
            return None
        if kind.tag == "EntityAction":
            return self._entity(kind)
        if kind.tag in ("ParameterAction", "VariableAction"):
            return self._value(kind)
        raise unsupported(kind.tag)

    def _speed(self, said: ET.Element, action: ET.Element) -> Begin:
        dynamics = Dynamics.read(child(said, "SpeedActionDynamics"))
        target = only_child(child(said, "SpeedActionTarget"))
        if target.tag == "AbsoluteTargetSpeed":
            speed = number(target, "value")
            return lambda entity: self._go_to(entity, speed, dynamics, action)
        other, value = self.world.entity(text(target, "entityRef")), number(target, "value")
        factor = choice(target, "speedTargetValueType", ("delta", "factor"), "delta") == "factor"

        def asked() -> float:
            return other.speed_mps * value if factor else other.speed_mps + value

        if not flag(target, "continuous"):
            return lambda entity: self._go_to(entity, asked(), dynamics, action)

        def follow(entity: Entity) -> Run:
            if dynamics.immediate and self._begins(entity):
                self._jump(entity, asked())
            change = abs(asked() - entity.speed_mps)
            lasts = 0.0 if dynamics.immediate else dynamics.duration_s(change, max(entity.speed_mps, 0.1))
            rate = min(change / lasts if lasts else HARD_ACCELERATION_MPS2, HARD_ACCELERATION_MPS2)
            return FollowSpeedRun(entity, asked, max(rate, _LEAST_MPS2), f"takes the speed of {other.name} from now on")

        return follow

    def _go_to(self, entity: Entity, speed_mps: float, dynamics: Dynamics, action: ET.Element) -> Run | str:
        entity.here  # noqa: B018 - an entity without a place has no speed
        change = abs(speed_mps - entity.speed_mps)
        if dynamics.immediate and (self._begins(entity) or change < _SAME_MPS):
            self._jump(entity, speed_mps)
            return f"has {speed_mps:.4g} m/s"
        if dynamics.immediate:
            dynamics = dynamics.lasting(0.0, "smooth")
        lasts = dynamics.duration_s(change, (abs(speed_mps) + abs(entity.speed_mps)) / 2)
        steepest = change * dynamics.peak_slope
        _, acceleration, deceleration = entity.vehicle.performance
        limit = acceleration if abs(speed_mps) > abs(entity.speed_mps) else deceleration
        if lasts < steepest / limit - 1e-6:
            what = f"takes {steepest / limit:.1f} s, not {lasts:.1f} s, as its Performance allows"
            self.notes.changed(action, f"speed of {entity.name}", what)
            lasts = steepest / limit
            dynamics = dynamics.lasting(lasts)
        if lasts < steepest / MAX_ACCELERATION_MPS2:
            longer = steepest / HARD_ACCELERATION_MPS2
            self._longer(action, f"speed of {entity.name}", longer, lasts)
            dynamics = dynamics.lasting(longer)
        return SpeedRun(entity, self.world, speed_mps, dynamics)

    def _begins(self, entity: Entity) -> bool:
        """Returns whether an entity has just been placed, so that it may have any speed."""
        since = entity.tracks[-1][0].time_s if entity.tracks else 0.0
        return self.world.now_s - since <= AT_ONCE_S

    def _jump(self, entity: Entity, speed_mps: float) -> None:
        """Sets a speed at once; earlier motion of the entity is ignored."""
        change = abs(speed_mps - entity.speed_mps)
        entity.jump_to_speed(speed_mps)
        if change >= _SAME_MPS:
            if self.world.now_s > AT_ONCE_S:
                entity.tracks.pop()  # it has just been placed there
            entity.put(entity.here, self.world.now_s, self.world.roads)

    def _longer(self, action: ET.Element, what: str, longer: float, lasts: float) -> None:
        self.notes.changed(action, what, f"takes {longer:.1f} s, not {lasts:.1f} s, as tyres allow")

    def _speed_profile(self, said: ET.Element, action: ET.Element) -> Begin:
        entries = [
            (number(entry, "time", -1.0), number(entry, "speed")) for entry in said.iterfind("SpeedProfileEntry")
        ]
        if not entries:
            raise UnmappableError("a SpeedProfileAction without entries")
        reference = said.get("entityRef")
        base = self.world.entity(reference) if reference else None
        follows = choice(said, "followingMode", ("follow", "position")) == "follow"
        accelerates, decelerates, _ = self._bounds(said)
        constraints = said.find("DynamicConstraints")
        rates = [
            math.inf if constraints is None or name not in constraints.attrib else max(number(constraints, name), 0.01)
            for name in ("maxAccelerationRate", "maxDecelerationRate")
        ]

        def begin(entity: Entity) -> Run:
            _, fastest, hardest = entity.vehicle.performance
            limits = Limits(min(accelerates, fastest), min(decelerates, hardest), *rates)
            times, speeds = [0.0], [entity.speed_mps]
            for lasts, speed in entries:
                reached = speed + (base.speed_mps if base else 0.0)
                least = abs(reached - speeds[-1]) / limits.of(reached - speeds[-1])
                if lasts == 0 and len(speeds) == 1 and follows:
                    continue  # an entry for this moment, at which the entity has a speed already
                times.append(times[-1] + (least if lasts < 0 else max(lasts, least)))
                speeds.append(reached)
            profile = linear_profile(times, speeds)
            if follows and len(speeds) > 1 and any(map(math.isfinite, rates)):
                followed = followed_profile(times, speeds, entity.acceleration_mps2, limits)
                if followed is None:
                    what = "linear, because its entries are too close to one another for the limits on jerk"
                    self.notes.changed(action, f"speed profile of {entity.name}", what)
                profile = followed or profile
            return SpeedProfileRun(entity, profile, len(entries))

        return begin

    def _bounds(self, said: ET.Element) -> tuple[float, float, float]:
        """Returns the largest acceleration, deceleration and speed of an action."""
        limits = said.find("DynamicConstraints")
        limits = ET.Element("DynamicConstraints") if limits is None else limits
        return (
            max(number(limits, "maxAcceleration", _USUAL_ACCELERATION_MPS2), 0.01),
            max(number(limits, "maxDeceleration", _USUAL_DECELERATION_MPS2), 0.01),
            number(limits, "maxSpeed", _USUAL_FASTEST_MPS),
        )

    def _keep_distance(self, said: ET.Element, action: ET.Element) -> Begin:
        other, bounds = self.world.entity(text(said, "entityRef")), self._bounds(said)
        freespace, continuous = flag(said, "freespace"), flag(said, "continuous")
        system = choice(said, "coordinateSystem", ("entity", "lane", "road", "trajectory"), "entity")
        asked_m = number(said, "distance") if "distance" in said.attrib else None
        gap_s = number(said, "timeGap") if asked_m is None else 0.0
        self.notes.changed(action, "LongitudinalDistanceAction", "drivesim's own controller approaches the distance")

        def begin(entity: Entity) -> Run:
            side = 1.0 if self.world.gap(entity, other, "longitudinal", system, freespace) >= 0 else -1.0

            def wanted() -> float:
                return side * (gap_s * entity.speed_mps if asked_m is None else asked_m)

            def gap() -> float:
                return self.world.gap(entity, other, "longitudinal", system, freespace)

            return KeepDistanceRun(entity, other, wanted, gap, bounds, continuous)

        return begin

    def _keep_lateral_distance(self, said: ET.Element, action: ET.Element) -> Begin:
        other, constraints = self.world.entity(text(said, "entityRef")), said.find("DynamicConstraints")
        freespace, continuous = flag(said, "freespace"), flag(said, "continuous")
        system = choice(said, "coordinateSystem", ("entity", "lane", "road", "trajectory"), "entity")
        side = choice(said, "displacement", tuple(_SIDES), "any")
        asked_m = number(said, "distance") if "distance" in said.attrib else None
        constraints = ET.Element("DynamicConstraints") if constraints is None else constraints
        acceleration = max(number(constraints, "maxAcceleration", _USUAL_LATERAL_MPS2), 0.01)
        fastest = max(number(constraints, "maxSpeed", math.inf), 0.01)
        self.notes.changed(action, "LateralDistanceAction", "drivesim's own controller approaches the distance")

        def begin(entity: Entity) -> Run:
            extent = (entity.vehicle.size_m[1] + other.vehicle.size_m[1]) / 2 if freespace else 0.0
            shifted = other.vehicle.left_m - entity.vehicle.left_m if freespace else 0.0

            def to_left() -> float:
                return self.world.gap(entity, other, "lateral", system, False) + shifted

            first = to_left()
            turned = other.here.pose(self.world.roads).heading - entity.here.pose(self.world.roads).heading
            sign = math.copysign(1.0, first if side == "any" else _SIDES[side] * math.cos(turned))
            wanted = first if asked_m is None else sign * (asked_m + extent)
            return LateralDistanceRun(entity, other, lambda: to_left() - wanted, (acceleration, fastest), continuous)

        return begin

    def _lane_change(self, said: ET.Element, action: ET.Element) -> Begin:
        dynamics = Dynamics.read(child(said, "LaneChangeActionDynamics"))
        target, offset = only_child(child(said, "LaneChangeTarget")), number(said, "targetLaneOffset", 0.0)
        value = whole(target, "value")
        other = self.world.entity(text(target, "entityRef")) if target.tag == "RelativeTargetLane" else None

        def begin(entity: Entity) -> Run | str:
            here, roads = entity.here, self.world.roads
            lane = value
            if other is not None:
                its = other.here
                beside = roads.lane_at(its.road, its.s, its.t(roads))
                lane = roads.beside(its.road, its.s, beside, its.along * value)
            return self._shift(entity, lane, here.along * offset, dynamics, action)

        return begin

    def _shift(
        self,
        entity: Entity,
        lane: int,
        offset_m: float,
        dynamics: Dynamics,
        action: ET.Element,
    ) -> Run | str:
        here, roads = entity.here, self.world.roads
        across = abs(roads.lane_centre(here.road, here.s, lane) + offset_m - here.t(roads))
        if across < _SAME_LANE_M:
            return "stays where it is across the road"
        if dynamics.immediate:
            dynamics = dynamics.lasting(USUAL_LANE_CHANGE_S, "smooth")
            what = f"lane change of {entity.name}"
            self.notes.changed(action, what, f"takes {USUAL_LANE_CHANGE_S:g} s; it was a step")
        lasts = dynamics.duration_s(across, max(abs(entity.speed_mps), 0.1))
        if lasts * lasts < dynamics.peak_curvature * across / MAX_ACCELERATION_MPS2:
            longer = math.sqrt(dynamics.peak_curvature * across / HARD_ACCELERATION_MPS2)
            self._longer(action, f"lane change of {entity.name}", longer, lasts)
            dynamics = dynamics.lasting(longer)
        return LateralRun(entity, self.world, lane, offset_m, dynamics)

    def _lane_offset(self, said: ET.Element, action: ET.Element) -> Begin:
        limits, target = child(said, "LaneOffsetActionDynamics"), only_child(child(said, "LaneOffsetTarget"))
        shape = choice(limits, "dynamicsShape", ("linear", "cubic", "sinusoidal", "step"))
        most, value = number(limits, "maxLateralAcc", 0.0), number(target, "value")
        other = self.world.entity(text(target, "entityRef")) if target.tag == "RelativeTargetLaneOffset" else None

        def begin(entity: Entity) -> Run | str:
            here, roads = entity.here, self.world.roads
            lane = roads.lane_at(here.road, here.s, here.t(roads))
            offset = here.along * value
            if other is not None:
                its = other.here
                offset += its.t(roads) - roads.lane_centre(
                    its.road, its.s, roads.lane_at(its.road, its.s, its.t(roads))
                )
            across = abs(roads.lane_centre(here.road, here.s, lane) + offset - here.t(roads))
            dynamics = Dynamics("smooth" if shape == "step" else shape, "time", USUAL_LANE_CHANGE_S)
            if most > 0:
                curvature = max(dynamics.peak_curvature, 4.0)
                dynamics = dynamics.lasting(max(math.sqrt(curvature * across / most), 0.2))
            else:
                what = f"lane offset of {entity.name}"
                self.notes.changed(action, what, f"takes {USUAL_LANE_CHANGE_S:g} s; the file gives no duration")
            return self._shift(entity, lane, offset, dynamics, action)

        return begin

    def _teleport(self, said: ET.Element) -> Begin:
        position = position_in(said)

        def begin(entity: Entity) -> str:
            entity.put(resolve(position, self.world.roads, self.world.place_of), self.world.now_s, self.world.roads)
            return f"TeleportAction: it is elsewhere, at a {only_child(position).tag}"

        begin_nowhere = only_child(position)
        if "entityRef" not in begin_nowhere.attrib:
            resolve(position, self.world.roads, self.world.place_of)
        return begin

    def _synchronize(self, said: ET.Element) -> Begin:
        master = self.world.entity(text(said, "masterEntityRef"))
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
                place = resolve(position, self.world.roads, self.world.place_of)
                if place.road == entity.here.road:
                    return self.world.gap_to_place(entity, place, "longitudinal", "road", False)
                return math.hypot(*self.world.offset_to(entity, place.pose(self.world.roads)))

            return way

        return lambda entity: SynchronizeRun(entity, master, way_to(own), way_to(theirs), final_mps)

    def _trajectory(self, said: ET.Element) -> Begin:
        trajectory = next((part for part in said.iter("Trajectory")), None)
        reference = next((part for part in said.iter("CatalogReference")), None)
        if trajectory is None and reference is not None:
            trajectory = self.catalogues.resolved(reference)
        if trajectory is None:
            raise UnmappableError("a FollowTrajectoryAction without a Trajectory")
        read_curve(
            trajectory, lambda _: Pose(0.0, 0.0, 0.0), Pose(0.0, 0.0, 0.0)
        )  # reports unsupported positions before anything runs
        timing, enters_m = said.find("TimeReference/Timing"), number(said, "initialDistanceOffset", 0.0)
        scale = 1.0 if timing is None else number(timing, "scale", 1.0)
        shift = 0.0 if timing is None else number(timing, "offset", 0.0)
        absolute = timing is not None and text(timing, "domainAbsoluteRelative", "relative") == "absolute"

        def begin(entity: Entity) -> Run:
            here = None if entity.place is None else entity.place.pose(self.world.roads)
            curve = read_curve(trajectory, self._pose, here).after(enters_m)
            poses = self._at_first(entity, list(curve.poses))
            if timing is None or curve.times_s is None:
                return PathRun(entity, poses)
            start = self.world.now_s if absolute else curve.times_s[0] * scale if enters_m > 0 else 0.0
            times = [time * scale + shift - start for time in curve.times_s]
            if any(later <= sooner for sooner, later in pairwise(times)):
                raise UnmappableError("a trajectory whose times do not ascend")
            run = TimedTrajectoryRun(entity, times, poses, curve.turns)
            at, off = entity.here.pose(self.world.roads), abs(run.first_speed_mps - entity.speed_mps)
            if math.dist((at.x, at.y), (poses[0].x, poses[0].y)) > _JUMP_M or off > _JUMP_MPS:
                entity.jump_to_speed(run.first_speed_mps)
                entity.put(free_place(self.world, poses[0]), self.world.now_s, self.world.roads)
            return run

        return begin

    def _at_first(self, entity: Entity, poses: list[Pose]) -> list[Pose]:
        """Returns the poses; an entity that has no place yet appears at the first of them."""
        if entity.place is None:
            entity.put(free_place(self.world, poses[0]), self.world.now_s, self.world.roads)
        return poses

    def _pose(self, position: ET.Element) -> Pose:
        """Returns the pose of a Position; a WorldPosition gives its heading exactly."""
        pose, said = (
            resolve(position, self.world.roads, self.world.place_of).pose(self.world.roads),
            only_child(position),
        )
        return Pose(pose.x, pose.y, number(said, "h")) if said.tag == "WorldPosition" and "h" in said.attrib else pose

    def _entity(self, kind: ET.Element) -> Callable[[], str]:
        entity, what = self.world.entity(text(kind, "entityRef")), only_child(kind)
        if what.tag == "DeleteEntityAction":

            def remove() -> str:
                entity.put(None, self.world.now_s, self.world.roads)
                return f"{entity.name} is removed"

            return remove
        position = position_in(what)

        def add() -> str:
            if entity.place is not None:
                return f"{entity.name} is there already"
            place = resolve(position, self.world.roads, self.world.place_of)
            entity.put(place, self.world.now_s, self.world.roads)
            return f"{entity.name} appears"

        return add

    def _value(self, kind: ET.Element) -> Callable[[], str]:
        variable = kind.tag == "VariableAction"
        values = self.world.variables if variable else self.world.parameters
        name = text(kind, "variableRef" if variable else "parameterRef").lstrip("$")
        if name not in values:
            raise UnmappableError(f"there is no {name!r} in the file")
        what = only_child(kind)
        if what.tag in ("SetAction", "VariableSetAction", "ParameterSetAction"):
            value = text(what, "value")

            def put() -> str:
                values[name] = value
                return f"{name} is {value}"

            return put
        rule = next((part for part in what.iter() if part.tag in ("AddValue", "MultiplyByValue")), None)
        if rule is None:
            raise UnmappableError(f"a {what.tag} without a rule")
        operand, adds = number(rule, "value"), rule.tag == "AddValue"

        def modify() -> str:
            try:
                before = float(values[name])
            except ValueError:
                raise UnmappableError(f"{name} is not a number") from None
            values[name] = f"{before + operand if adds else before * operand:.12g}"
            return f"{name} is {values[name]}"

        return modify
