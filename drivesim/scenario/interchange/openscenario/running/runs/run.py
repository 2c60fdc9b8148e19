"""What all runs have in common: an entity, the domains that they control, and their description."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from drivesim.scenario.interchange.openscenario.roads.road_map import Pose
from drivesim.scenario.interchange.openscenario.running.world import STEP_S, Entity, World

SLOWEST_MPS = 0.1
"""A slower vehicle counts as standing; where a distance is divided by its speed, this speed is used."""
TOLERANCE = 1e-9
"""A run whose time or progress is this close to its end has ended."""


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


Begin = Callable[[Entity], Run | str]
"""A function that starts an action of an entity; it returns a run, or the text of what was done at once."""
