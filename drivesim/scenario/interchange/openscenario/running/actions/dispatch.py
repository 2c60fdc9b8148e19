"""Reads each action of a file by the function of its kind, and notes those that change nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from drivesim.scenario.interchange.openscenario.reading.attributes import only_child
from drivesim.scenario.interchange.openscenario.reading.catalogues import Catalogues
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, unsupported
from drivesim.scenario.interchange.openscenario.running.actions.lateral import (
    lane_change_action,
    lane_offset_action,
    lateral_distance_action,
)
from drivesim.scenario.interchange.openscenario.running.actions.longitudinal import (
    distance_action,
    speed_action,
    speed_profile_action,
    synchronize_action,
)
from drivesim.scenario.interchange.openscenario.running.actions.positions import (
    entity_action,
    teleport_action,
    trajectory_action,
)
from drivesim.scenario.interchange.openscenario.running.actions.values import value_action
from drivesim.scenario.interchange.openscenario.running.runs.run import Begin
from drivesim.scenario.interchange.openscenario.running.world import World

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
            if part is not None and self._leaves_out(part, action):
                return None
        changed = partial(self.notes.changed, action)
        if kind.tag == "TeleportAction":
            return teleport_action(kind, self.world)
        if kind.tag == "SynchronizeAction":
            return synchronize_action(kind, self.world)
        if inner is None:
            raise unsupported(kind.tag)
        match kind.tag, inner.tag:
            case "LongitudinalAction", "SpeedAction":
                return speed_action(inner, self.world, changed)
            case "LongitudinalAction", "SpeedProfileAction":
                return speed_profile_action(inner, self.world, changed)
            case "LongitudinalAction", "LongitudinalDistanceAction":
                return distance_action(inner, self.world, changed)
            case "LateralAction", "LaneChangeAction":
                return lane_change_action(inner, self.world, changed)
            case "LateralAction", "LaneOffsetAction":
                return lane_offset_action(inner, self.world, changed)
            case "LateralAction", "LateralDistanceAction":
                return lateral_distance_action(inner, self.world, changed)
            case "RoutingAction", "FollowTrajectoryAction":
                return trajectory_action(inner, self.world, self.catalogues)
        raise unsupported(inner.tag)

    def globally(self, action: ET.Element) -> Callable[[], str] | None:
        """Returns the effect of a GlobalAction, or None if it is left out, which is noted.

        Raises:
            UnmappableError: The action cannot be executed.
        """
        kind = only_child(action)
        if self._leaves_out(kind, action):
            return None
        if kind.tag == "EntityAction":
            return entity_action(kind, self.world)
        if kind.tag in ("ParameterAction", "VariableAction"):
            return value_action(kind, self.world)
        raise unsupported(kind.tag)

    def _leaves_out(self, part: ET.Element, action: ET.Element) -> bool:
        """Notes an action that can be left out without a change of any motion, and returns whether it is one."""
        why = _HARMLESS.get(part.tag)
        if why is not None:
            self.notes.dropped(action, part.tag, why)
        return why is not None
