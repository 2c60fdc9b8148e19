"""The first moment of a file: positions, speeds, and the time of day."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drivesim.scenario.interchange.openscenario.actions import first_speed
from drivesim.scenario.interchange.openscenario.library import xosc
from drivesim.scenario.interchange.openscenario.notes import Notes, UnmappableError, number, parsed

_DAY_HOURS = (6.5, 19.5)
_CLOCK = re.compile(r"T(\d\d):(\d\d)")


@dataclass
class FirstMoment:
    """Positions, as the library has them, and speeds in m/s, by the name of the entity; the time of day."""

    positions: dict[str, Any] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)
    time_of_day: str | None = None


def read_first_moment(root: ET.Element, vehicles: Mapping[str, Any], notes: Notes) -> FirstMoment:
    """What `Init` says of the vehicles; the rest of it is dropped."""
    first = FirstMoment()
    for action in root.iterfind("Storyboard/Init/Actions/GlobalAction"):
        _environment(action, first, notes)
    for private in root.iterfind("Storyboard/Init/Actions/Private"):
        name = private.get("entityRef", "")
        if name not in vehicles:
            continue  # the entity itself is noted
        for action in private.iterfind("PrivateAction"):
            kind = next((part.tag for part in action), "empty action")
            with notes.dropping(action, f"{kind} of {name} in Init"):
                if action.find("TeleportAction") is not None:
                    first.positions[name] = parsed(xosc.TeleportAction.parse, action).position
                elif action.find("LongitudinalAction/SpeedAction") is not None:
                    first.speeds[name] = first_speed(action, first.speeds)
                else:
                    raise UnmappableError("vehicles begin with a place and a speed only")
    return first


def _environment(action: ET.Element, first: FirstMoment, notes: Notes) -> None:
    environment = action.find("EnvironmentAction/Environment")
    if environment is None:
        kind = next((part.tag for part in action), "empty action")
        notes.dropped(action, f"{kind} in Init", "no part of a scenario")
        return
    sun, clock = environment.find("Weather/Sun"), environment.find("TimeOfDay")
    if clock is not None:
        with notes.dropping(clock, "time of day"):
            if not (found := _CLOCK.search(clock.get("dateTime", ""))):
                raise UnmappableError(f"expected a dateTime such as 2026-06-01T12:00:00, got {clock.get('dateTime')}")
            hour = int(found[1]) + int(found[2]) / 60
            first.time_of_day = "day" if _DAY_HOURS[0] <= hour < _DAY_HOURS[1] else "night"
    if sun is not None and "elevation" in sun.attrib:
        with notes.dropping(sun, "sun"):
            first.time_of_day = "day" if number(sun.get("elevation")) > 0 else "night"
    for part in (*environment.iterfind("Weather/*"), *environment.iterfind("RoadCondition")):
        if part.tag != "Sun":
            notes.dropped(part, part.tag, "of the environment, only day and night are known")
