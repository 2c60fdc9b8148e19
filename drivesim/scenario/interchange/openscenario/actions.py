"""Actions of vehicles as manoeuvres of a scenario."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drivesim.geometry.profiles import SmoothChange
from drivesim.scenario.checks.limits import HARD_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2
from drivesim.scenario.interchange.openscenario.library import xosc
from drivesim.scenario.interchange.openscenario.motion import Motion
from drivesim.scenario.interchange.openscenario.notes import Notes, UnmappableError, number, parsed
from drivesim.scenario.interchange.openscenario.places import LANE_WIDTH_M, Places

USUAL_LANE_CHANGE_S = 3.0
_SHORTEST_S, _LONGEST_S = 0.2, 600.0
# A step of the speed so soon is how many files say the speed of the first moment.
_AT_ONCE_S = 0.1

_SPEED, _LANE = "LongitudinalAction/SpeedAction", "LateralAction/LaneChangeAction"

Manoeuvre = dict[str, Any]
"""The fields of a manoeuvre; `type`, `start_s` and `duration_s` are always there."""


def first_speed(action: ET.Element, speeds: Mapping[str, float]) -> float:
    """Speed in m/s of a SpeedAction of the first moment, where dynamics mean nothing; `speeds` are those so far."""
    speed, _ = _target_speed(action, speeds.__getitem__)
    return _forwards(speed)


@dataclass
class Actions:
    """Turns actions into manoeuvres, in the order of time; `motions`, by name, are kept up to date."""

    motions: dict[str, Motion]
    places: Places
    notes: Notes

    def manoeuvre(self, action: ET.Element, start_s: float, name: str) -> Manoeuvre | None:
        """The manoeuvre that a PrivateAction of a vehicle is; None where nothing changes.

        UnmappableError where a scenario has no such manoeuvre.
        """
        if name not in self.motions:
            raise UnmappableError("its vehicle was dropped")
        if action.find(_SPEED) is not None:
            return self._speed(action, start_s, name)
        if action.find(_LANE) is not None:
            return self._lane_change(action, start_s, name)
        kinds = [child.tag for part in action for child in (part, *part)]
        raise UnmappableError(f"{kinds[-1] if kinds else 'an empty action'} is no manoeuvre of a scenario")

    def _speed(self, action: ET.Element, start_s: float, name: str) -> Manoeuvre | None:
        own = self.motions[name]
        before = own.speed_mps
        target, dynamics = _target_speed(action, lambda other: self.motions[other].speed_mps)
        speed = _forwards(target)
        change, value = abs(speed - before), abs(number(dynamics.value))
        if change < 0.01:
            return None
        if dynamics.shape.name == "step" and start_s <= _AT_ONCE_S and not own.changes:
            own.first_speed_mps = speed
            return None
        lasts = _lasts(dynamics, change, value, (speed + before) / 2)
        # Speeds change smoothly here, so that the middle is steeper than the mean.
        steepest = change * SmoothChange.PEAK_SLOPE
        if lasts < steepest / MAX_ACCELERATION_MPS2:
            longer = steepest / HARD_ACCELERATION_MPS2
            self.notes.changed(action, f"speed of {name}", f"takes {longer:.1f} s, not {lasts:.1f} s, as tyres allow")
            lasts = longer
        kind = "stop" if speed == 0 else "brake" if speed < before else "accelerate"
        made = _timed(kind, start_s, lasts) | ({} if speed == 0 else {"speed_mps": round(speed, 3)})
        own.changes.append((made["start_s"], made["duration_s"], speed))
        return made

    def _lane_change(self, action: ET.Element, start_s: float, name: str) -> Manoeuvre | None:
        own = self.motions[name]
        if action.find(f"{_LANE}/LaneChangeTarget/RelativeTargetLane") is not None:
            read = parsed(xosc.RelativeLaneChangeAction.parse, action)
            if read.target not in self.motions:
                raise UnmappableError(f"its lane is counted from {read.target}, which is no vehicle here")
            lane = self.motions[read.target].lane + self.motions[read.target].along * round(number(read.lane))
        else:
            read = parsed(xosc.AbsoluteLaneChangeAction.parse, action)
            lane = self.places.lane_number(read.lane)
        if read.target_lane_offset:
            self.notes.dropped(action, f"targetLaneOffset of {name}", "vehicles go to the middle of a lane")
        if lane == own.lane:
            return None
        dynamics = read.transition_dynamics
        across, speed = abs(lane - own.lane) * LANE_WIDTH_M, float(own.speed_at(start_s))
        lasts = _lasts(dynamics, across, abs(number(dynamics.value)), speed)
        if dynamics.shape.name == "step":
            lasts = USUAL_LANE_CHANGE_S
            self.notes.changed(action, f"lane change of {name}", f"takes {lasts:g} s; it was a step")
        kind = "change_lane" if name == self.places.ego else "cut_in" if lane == 0 else "cut_out"
        made = _timed(kind, start_s, lasts) | ({} if kind == "cut_in" else {"lane": lane})
        own.lane = lane
        return made


def _target_speed(action: ET.Element, speed_of: Callable[[str], float]) -> tuple[float, Any]:
    relative = action.find(f"{_SPEED}/SpeedActionTarget/RelativeTargetSpeed")
    if relative is None:
        read = parsed(xosc.AbsoluteSpeedAction.parse, action)
        return number(read.speed), read.transition_dynamics
    read = parsed(xosc.RelativeSpeedAction.parse, action)
    try:
        other = speed_of(read.entity)
    except KeyError:
        raise UnmappableError(f"the speed of {read.entity}, on which its own depends, is not known") from None
    value = number(read.speed)
    return (other * value if read.valuetype.name == "factor" else other + value), read.transition_dynamics


def _forwards(speed: float) -> float:
    if speed < 0:
        raise UnmappableError("a scenario has no driving backwards")
    return speed


def _lasts(dynamics: Any, change: float, value: float, speed: float) -> float:
    """Seconds that a change takes: of `change` in all, at `speed` on average."""
    if dynamics.shape.name == "step":
        return 0.0
    match dynamics.dimension.name:
        case "time":
            return value
        case "rate":
            return change / value if value else math.inf
        case _:
            return value / speed if speed else math.inf


def _timed(kind: str, start_s: float, lasts_s: float) -> Manoeuvre:
    if lasts_s > _LONGEST_S:
        raise UnmappableError(f"it would take more than {_LONGEST_S:g} s")
    return {"type": kind, "start_s": round(start_s, 3), "duration_s": round(max(lasts_s, _SHORTEST_S), 3)}
