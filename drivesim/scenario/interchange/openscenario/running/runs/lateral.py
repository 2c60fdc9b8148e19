"""Runs across the road: they control the lateral position of an entity."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from drivesim.scenario.interchange.openscenario.running.dynamics import Dynamics
from drivesim.scenario.interchange.openscenario.running.runs.run import SLOWEST_MPS, TOLERANCE, Change, Run
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, Entity, World

# The controller of a lateral distance brakes with this share of the largest acceleration, approaches the distance in no
# less than this time, and ends this close to it at this speed.
_BRAKING_SHARE, _SHORTEST_S, _REACHED_M, _SETTLED_MPS = 0.8, 0.2, 0.005, 0.1


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
        estimated = dynamics.duration_s(offset_m - self._first, max(abs(entity.speed_mps), SLOWEST_MPS))
        target = replace(here, lane=lane, offset=offset_m).pose(roads)
        self.change = Change(world.now_s, estimated, place=target)
        self.text = f"goes {offset_m - self._first:+.4g} m to the left of its road within {estimated:.4g} s"

    def _step(self, world: World) -> bool:
        if self._dynamics.dimension == "distance":
            progress = (self.entity.travelled_m - self._from_m) / self._dynamics.value
        else:
            progress = self.elapsed_s / self._duration_s if self._duration_s else 1.0
        progress = 1.0 if progress >= 1 - TOLERANCE else progress
        offset = self._first + self._dynamics.share(progress) * (self._target - self._first)
        self.entity.place = replace(self.entity.here, offset=offset)
        return progress >= 1


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
        braking = math.sqrt(2 * _BRAKING_SHARE * self._acceleration * abs(missing))
        asked = math.copysign(min(braking, abs(missing) / _SHORTEST_S, self._fastest), missing)
        most = self._acceleration * STEP_S
        self._speed += min(max(asked - self._speed, -most), most)
        here = self.entity.here
        self.entity.place = replace(here, offset=here.offset + here.along * self._speed * STEP_S)
        return not self._continuous and abs(missing) < _REACHED_M and abs(self._speed) < _SETTLED_MPS
