"""Actions that put an entity somewhere: teleports, trajectories, and entities that appear or are removed."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise

from drivesim.scenario.interchange.openscenario.reading.attributes import number, only_child, text
from drivesim.scenario.interchange.openscenario.reading.catalogues import Catalogues
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.curves import read_curve
from drivesim.scenario.interchange.openscenario.roads.places import position_in, resolve
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose
from drivesim.scenario.interchange.openscenario.running.runs.run import Begin, Run
from drivesim.scenario.interchange.openscenario.running.runs.trajectories import (
    PathRun,
    TimedTrajectoryRun,
    free_place,
)
from drivesim.scenario.interchange.openscenario.running.world import Entity, World

# An entity whose trajectory starts farther away than this, or at another speed, is teleported to its start.
_JUMP_M, _JUMP_MPS = 0.3, 3.5


def teleport_action(said: ET.Element, world: World) -> Begin:
    """Returns the start of a TeleportAction."""
    position = position_in(said)
    if "entityRef" not in only_child(position).attrib:
        resolve(position, world.roads, world.place_of)  # reports unsupported positions before anything runs

    def begin(entity: Entity) -> str:
        entity.put(resolve(position, world.roads, world.place_of), world.now_s, world.roads)
        return f"TeleportAction: it is elsewhere, at a {only_child(position).tag}"

    return begin


def trajectory_action(said: ET.Element, world: World, catalogues: Catalogues) -> Begin:
    """Returns the start of a FollowTrajectoryAction."""
    trajectory = next((part for part in said.iter("Trajectory")), None)
    reference = next((part for part in said.iter("CatalogReference")), None)
    if trajectory is None and reference is not None:
        trajectory = catalogues.resolved(reference)
    if trajectory is None:
        raise UnmappableError("a FollowTrajectoryAction without a Trajectory")
    origin = Pose(0.0, 0.0, 0.0)
    read_curve(trajectory, lambda _: origin, origin)  # reports unsupported curves before anything runs
    timing, enters_m = said.find("TimeReference/Timing"), number(said, "initialDistanceOffset", 0.0)
    scale = 1.0 if timing is None else number(timing, "scale", 1.0)
    shift = 0.0 if timing is None else number(timing, "offset", 0.0)
    absolute = timing is not None and text(timing, "domainAbsoluteRelative", "relative") == "absolute"

    def begin(entity: Entity) -> Run:
        here = None if entity.place is None else entity.place.pose(world.roads)
        curve = read_curve(trajectory, lambda position: _pose(position, world), here).after(enters_m)
        poses = list(curve.poses)
        if entity.place is None:  # it appears at the first vertex
            entity.put(free_place(world, poses[0]), world.now_s, world.roads)
        if timing is None or curve.times_s is None:
            return PathRun(entity, poses)
        start = world.now_s if absolute else curve.times_s[0] * scale if enters_m > 0 else 0.0
        times = [time * scale + shift - start for time in curve.times_s]
        if any(later <= sooner for sooner, later in pairwise(times)):
            raise UnmappableError("a trajectory whose times do not ascend")
        run = TimedTrajectoryRun(entity, times, poses, curve.turns)
        at, off = entity.here.pose(world.roads), abs(run.first_speed_mps - entity.speed_mps)
        if math.dist((at.x, at.y), (poses[0].x, poses[0].y)) > _JUMP_M or off > _JUMP_MPS:
            entity.jump_to_speed(run.first_speed_mps)
            entity.put(free_place(world, poses[0]), world.now_s, world.roads)
        return run

    return begin


def entity_action(kind: ET.Element, world: World) -> Callable[[], str]:
    """Returns the effect of an EntityAction, which adds or removes an entity."""
    entity, what = world.entity(text(kind, "entityRef")), only_child(kind)
    if what.tag == "DeleteEntityAction":

        def remove() -> str:
            entity.put(None, world.now_s, world.roads)
            return f"{entity.name} is removed"

        return remove
    position = position_in(what)

    def add() -> str:
        if entity.place is not None:
            return f"{entity.name} is there already"
        place = resolve(position, world.roads, world.place_of)
        entity.put(place, world.now_s, world.roads)
        return f"{entity.name} appears"

    return add


def _pose(position: ET.Element, world: World) -> Pose:
    """Returns the pose of a Position; a WorldPosition gives its heading exactly."""
    pose, said = resolve(position, world.roads, world.place_of).pose(world.roads), only_child(position)
    return Pose(pose.x, pose.y, number(said, "h")) if said.tag == "WorldPosition" and "h" in said.attrib else pose
