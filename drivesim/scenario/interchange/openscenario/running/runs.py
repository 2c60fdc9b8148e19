"""Actions that take time. Each moves its entity step by step until it ends or a newer one replaces it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.roads.places import Place, place_at, place_in_plane
from drivesim.scenario.interchange.openscenario.roads.road_map import Pose
from drivesim.scenario.interchange.openscenario.running.dynamics import Dynamics
from drivesim.scenario.interchange.openscenario.running.speed_profiles import SpeedProfile
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, Entity, World
from drivesim.wording import counted

_LEAST_MPS = 0.1
_NEVER_S = 1e-9
# How a lateral distance is approached: part of the acceleration that brakes, shortest time, and what counts as reached.
_EASE, _SETTLE_S, _THERE_M, _THERE_MPS = 0.8, 0.2, 0.005, 0.1


class Run(ABC):
    """An action of one entity in progress.

    Attributes:
        domains: What it controls, `longitudinal` and `lateral`; a newer action on the same domain ends it.
        text: Its description in the timeline.
        change: The equivalent change of a manoeuvre; None if no manoeuvre is equivalent.
    """

    domains: frozenset[str]
    text: str
    change: Change | None = None

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.elapsed_s = 0.0

    def step(self, world: World) -> bool:
        """Advances by one step and returns whether the action has ended."""
        self.elapsed_s += STEP_S
        return self._step(world)

    @abstractmethod
    def _step(self, world: World) -> bool: ...


@dataclass(frozen=True)
class Change:
    """The target of a manoeuvre: a speed in m/s, or a place in another lane."""

    start_s: float
    duration_s: float
    speed_mps: float | None = None
    place: Pose | None = None


class SpeedRun(Run):
    """A change of speed with a shape over a time or a distance."""

    domains = frozenset({"longitudinal"})

    def __init__(self, entity: Entity, world: World, target_mps: float, dynamics: Dynamics) -> None:
        super().__init__(entity)
        self._first, self._target, self._dynamics = entity.speed_mps, target_mps, dynamics
        mean = (abs(target_mps) + abs(self._first)) / 2
        self._duration_s = dynamics.duration_s(target_mps - self._first, mean)
        self.change = Change(world.now_s, self._duration_s, target_mps)
        verb = "keeps" if abs(target_mps - self._first) < 0.01 else "goes to"
        self.text = f"{verb} {target_mps:.4g} m/s"
        if math.isfinite(self._duration_s) and verb != "keeps":
            self.text += f" within {self._duration_s:.4g} s"

    def _step(self, world: World) -> bool:
        over = self.elapsed_s >= self._duration_s - _NEVER_S
        share = 1.0 if over else self._dynamics.share(self.elapsed_s / self._duration_s)
        self.entity.speed_mps = self._first + share * (self._target - self._first)
        return over


class FollowSpeedRun(Run):
    """A speed relative to that of another entity, by a difference or a factor; it never ends by itself."""

    domains = frozenset({"longitudinal"})

    def __init__(self, entity: Entity, target: Callable[[], float], rate_mps2: float, text: str) -> None:
        super().__init__(entity)
        self._target, self._rate, self.text, self._caught_up = target, rate_mps2, text, False

    def _step(self, world: World) -> bool:
        missing = self._target() - self.entity.speed_mps
        most = self._rate * STEP_S
        self._caught_up = self._caught_up or abs(missing) <= most
        self.entity.speed_mps += missing if self._caught_up else math.copysign(most, missing)
        return False


class SpeedProfileRun(Run):
    """A profile of speeds."""

    domains = frozenset({"longitudinal"})

    def __init__(self, entity: Entity, profile: SpeedProfile, num_speeds: int) -> None:
        super().__init__(entity)
        self._profile = profile
        self.text = f"follows a profile of {counted(num_speeds, 'speed')} within {profile.end_s:.4g} s"

    def _step(self, world: World) -> bool:
        self.entity.speed_mps = self._profile.at(self.elapsed_s)
        return self.elapsed_s >= self._profile.end_s - _NEVER_S


class KeepDistanceRun(Run):
    """A distance or time gap to another entity, kept within limits on acceleration, deceleration and speed."""

    domains = frozenset({"longitudinal"})

    def __init__(
        self,
        entity: Entity,
        other: Entity,
        wanted_m: Callable[[], float],
        gap_m: Callable[[], float],
        bounds: tuple[float, float, float],
        continuous: bool,
    ) -> None:
        super().__init__(entity)
        self._other, self._wanted, self._gap, self._continuous = other, wanted_m, gap_m, continuous
        self._acceleration, self._deceleration, self._fastest = bounds
        self.text = f"keeps its distance from {other.name}"

    def _step(self, world: World) -> bool:
        # A critically damped controller; the error is positive if the entity is too far behind.
        missing = self._gap() - self._wanted()
        closing = self.entity.speed_mps - self._other.speed_mps
        asked = 0.25 * missing - closing
        bounded = min(max(asked, -self._deceleration), self._acceleration)
        self.entity.speed_mps = min(max(self.entity.speed_mps + bounded * STEP_S, 0.0), self._fastest)
        return not self._continuous and abs(missing) < 0.05 and abs(closing) < 0.05


class LateralDistanceRun(Run):
    """A lateral distance to another entity, kept within limits on lateral acceleration and speed."""

    domains = frozenset({"lateral"})

    def __init__(
        self,
        entity: Entity,
        other: Entity,
        missing_m: Callable[[], float],
        limits: tuple[float, float],
        continuous: bool,
    ) -> None:
        super().__init__(entity)
        self._missing, self._continuous, self._speed = missing_m, continuous, 0.0
        self._acceleration, self._fastest = limits
        self.text = f"keeps its lateral distance from {other.name}"

    def _step(self, world: World) -> bool:
        missing = self._missing()  # metres to the left of the entity
        braking = math.sqrt(2 * _EASE * self._acceleration * abs(missing))
        asked = math.copysign(min(braking, abs(missing) / _SETTLE_S, self._fastest), missing)
        most = self._acceleration * STEP_S
        self._speed += min(max(asked - self._speed, -most), most)
        here = self.entity.here
        self.entity.place = replace(here, offset=here.offset + here.along * self._speed * STEP_S)
        return not self._continuous and abs(missing) < _THERE_M and abs(self._speed) < _THERE_MPS


class SynchronizeRun(Run):
    """An arrival at a place at the time when another entity arrives at its own, optionally at a final speed."""

    domains = frozenset({"longitudinal"})

    def __init__(
        self,
        entity: Entity,
        master: Entity,
        way_m: Callable[[Entity], float],
        master_way_m: Callable[[Entity], float],
        final_mps: Callable[[], float] | None,
    ) -> None:
        super().__init__(entity)
        self._master, self._way, self._master_way, self._final = master, way_m, master_way_m, final_mps
        self.text = f"arrives together with {master.name}"

    def _step(self, world: World) -> bool:
        way, master_way = self._way(self.entity), self._master_way(self._master)
        until = master_way / max(self._master.speed_mps, _LEAST_MPS)
        if until <= STEP_S or way <= 0:
            if self._final is not None:
                self.entity.speed_mps = self._final()
            return True
        speed = self.entity.speed_mps
        if self._final is None:
            slope = 2 * (way / until - speed) / until
        else:  # present acceleration of a speed that is quadratic in time and meets distance and final speed
            slope = 2 * (3 * way / until - 2 * speed - self._final()) / until
        self.entity.speed_mps = max(speed + slope * STEP_S, 0.0)
        return False


class LateralRun(Run):
    """A move to an offset from the centre of a lane, with a shape over a time or a distance."""

    domains = frozenset({"lateral"})

    def __init__(self, entity: Entity, world: World, lane: int, offset_m: float, dynamics: Dynamics) -> None:
        super().__init__(entity)
        here, roads = entity.here, world.roads
        self._first = here.t(roads) - roads.lane_centre(here.road, here.s, lane)
        self._target, self._dynamics = offset_m, dynamics
        self._from_m, self._duration_s = entity.travelled_m, dynamics.duration_s(offset_m - self._first, 1.0)
        entity.place = replace(here, lane=lane, offset=self._first)
        estimated = dynamics.duration_s(offset_m - self._first, max(abs(entity.speed_mps), _LEAST_MPS))
        target = replace(here, lane=lane, offset=offset_m).pose(roads)
        self.change = Change(world.now_s, estimated, place=target)
        self.text = f"goes {offset_m - self._first:+.4g} m to the left of its road within {estimated:.4g} s"

    def _step(self, world: World) -> bool:
        if self._dynamics.dimension == "distance":
            progress = (self.entity.travelled_m - self._from_m) / self._dynamics.value
        else:
            progress = self.elapsed_s / self._duration_s if self._duration_s else 1.0
        progress = 1.0 if progress >= 1 - _NEVER_S else progress
        offset = self._first + self._dynamics.share(progress) * (self._target - self._first)
        self.entity.place = replace(self.entity.here, offset=offset)
        return progress >= 1


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
        if self.elapsed_s < self._first_s - _NEVER_S:
            return False
        now = min(self.elapsed_s, self._last_s)
        (x, y, heading), (vx, vy, _) = self._curve(now), self._slopes(now)
        speed = math.hypot(vx, vy)
        if not self._turns:
            heading = math.atan2(vy, vx) if speed > _LEAST_MPS else self.entity.here.pose(world.roads).heading
        self.entity.speed_mps = speed
        self.entity.place = free_place(world, Pose(float(x), float(y), float(heading)))
        self.entity.led = True
        return self.elapsed_s >= self._last_s - _NEVER_S


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
