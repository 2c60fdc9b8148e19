"""Runs along a trajectory: they control the place of an entity, on a road or away from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.places import Place, place_at, place_in_plane
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose
from drivesim.scenario.interchange.openscenario.running.runs.run import SLOWEST_MPS, TOLERANCE, Run
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, Entity, World


class TimedTrajectoryRun(Run):
    """A path through places at given times, smooth in between, because no vehicle changes its speed abruptly."""

    domains = frozenset({"longitudinal", "lateral"})

    def __init__(self, entity: Entity, times_s: Sequence[float], poses: Sequence[Pose], turns: bool) -> None:
        super().__init__(entity)
        self._first_s, self._last_s = times_s[0], times_s[-1]
        headings = np.unwrap([pose.heading for pose in poses])
        table = np.array([(pose.x, pose.y, heading) for pose, heading in zip(poses, headings, strict=True)])
        self._curve = PchipInterpolator(np.array(times_s), table)
        self._slopes, self._turns = self._curve.derivative(), turns
        self.text = f"follows a trajectory of {len(poses)} vertices"

    @property
    def first_speed_mps(self) -> float:
        """The initial speed; 0 if it waits for its first time."""
        return 0.0 if self._first_s > STEP_S else float(np.hypot(*self._slopes(max(self._first_s, 0.0))[:2]))

    def _step(self, world: World) -> bool:
        if self.elapsed_s < self._first_s - TOLERANCE:
            return False
        now = min(self.elapsed_s, self._last_s)
        (x, y, heading), (vx, vy, _) = self._curve(now), self._slopes(now)
        speed = math.hypot(vx, vy)
        if not self._turns:
            heading = math.atan2(vy, vx) if speed > SLOWEST_MPS else self.entity.here.pose(world.roads).heading
        self.entity.speed_mps = speed
        self.entity.place = free_place(world, Pose(float(x), float(y), float(heading)))
        self.entity.led = True
        return self.elapsed_s >= self._last_s - TOLERANCE


class PathRun(Run):
    """A path through places at the entity's own speed."""

    domains = frozenset({"lateral"})

    def __init__(self, entity: Entity, poses: Sequence[Pose]) -> None:
        super().__init__(entity)
        self._points = np.array([(pose.x, pose.y) for pose in poses])
        self._ways = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self._points, axis=0), axis=-1))])
        self._from_m = entity.travelled_m
        self.text = f"follows a path of {len(poses)} vertices"

    def _step(self, world: World) -> bool:
        way = self.entity.travelled_m - self._from_m + abs(self.entity.speed_mps) * STEP_S
        point, ahead = self._at(way), self._at(way + 0.1)
        heading = (
            math.atan2(*(ahead - point)[::-1])
            if way < self._ways[-1] - 0.1
            else self.entity.here.pose(world.roads).heading
        )
        if way >= self._ways[-1]:
            return True
        self.entity.place = free_place(world, Pose(float(point[0]), float(point[1]), heading))
        self.entity.led = True
        return False

    def _at(self, way: float) -> np.ndarray:
        return np.array([np.interp(way, self._ways, self._points[:, axis]) for axis in (0, 1)])


def free_place(world: World, pose: Pose) -> Place:
    """Returns the place of a pose on a road or away from it, with exactly its heading."""
    try:
        found = world.roads.locate(pose.x, pose.y)
        if found is None:
            raise UnmappableError("it leaves all roads")
        road, s, t = found
        return place_at(world.roads, road, s, t, pose.heading - world.roads.pose(road, s, t).heading)
    except UnmappableError:
        return place_in_plane(world.roads, pose)
