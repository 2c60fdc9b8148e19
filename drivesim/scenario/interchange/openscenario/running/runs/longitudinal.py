"""Runs along the road: they control the speed of an entity."""

from __future__ import annotations

import math
from collections.abc import Callable

from drivesim.scenario.interchange.openscenario.running.dynamics import Dynamics
from drivesim.scenario.interchange.openscenario.running.runs.run import SLOWEST_MPS, TOLERANCE, Change, Run
from drivesim.scenario.interchange.openscenario.running.speed_profiles import SpeedProfile
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, Entity, World
from drivesim.wording import counted


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
        over = self.elapsed_s >= self._duration_s - TOLERANCE
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
    """Speeds over time through the entries of a profile."""

    domains = frozenset({"longitudinal"})

    def __init__(self, entity: Entity, profile: SpeedProfile, num_speeds: int) -> None:
        super().__init__(entity)
        self._profile = profile
        self.text = f"follows a profile of {counted(num_speeds, 'speed')} within {profile.end_s:.4g} s"

    def _step(self, world: World) -> bool:
        self.entity.speed_mps = self._profile.at(self.elapsed_s)
        return self.elapsed_s >= self._profile.end_s - TOLERANCE


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
        until = master_way / max(self._master.speed_mps, SLOWEST_MPS)
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
