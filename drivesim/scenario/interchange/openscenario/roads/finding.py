"""The roads of a scenario: those of its OpenDRIVE file if it is available, or else an assumed one."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario.reading.attributes import number
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, UnmappableError
from drivesim.scenario.interchange.openscenario.reading.xml_tree import MAX_BYTES, read_xml
from drivesim.scenario.interchange.openscenario.roads.opendrive import OpenDrive
from drivesim.scenario.interchange.openscenario.roads.places import Place, place_in_plane
from drivesim.scenario.interchange.openscenario.roads.road_map import LANE_WIDTH_M, AssumedRoad, Pose, RoadMap
from drivesim.scenario.interchange.openscenario.running.simulation import first_position
from drivesim.scenario.interchange.openscenario.running.world import moved
from drivesim.scenario.schema.road import Road

_BEHIND_M, _AHEAD_M, _STEP_M = 100.0, 300.0, 2.0
_STRAIGHT_RAD, _LEAST_ENTRY_M, _MOST_ENTRY_M = math.radians(1.5), 5.0, 200.0


@dataclass(frozen=True)
class RoadView:
    """The roads, and what a scenario can express of them.

    Attributes:
        map: The roads that entities drive on.
        own_lanes_left: Number of lanes to the left of the ego's in its direction; None if the file does not give it.
    """

    map: RoadMap
    own_lanes_left: int | None

    def lines(self, first: Pose) -> list[Road]:
        """Returns possible roads of the scenario, seen from the ego's first pose, the most likely first.

        Each has the lane width, the lanes and the curve as far as they are known; the last road is straight.
        """
        if isinstance(self.map, AssumedRoad):
            return [Road()]
        try:
            road = self._seen_from(place_in_plane(self.map, first))
        except (UnmappableError, ValidationError):
            return [Road()]
        straight = Road.model_validate(road.model_dump(include=road.model_fields_set - {"curve"}))
        return [road, straight] if road.curve is not None else [road]

    def _seen_from(self, place: Place) -> Road:
        held = self.map
        width = min(max(held.lane_width(place.road, place.s, place.lane), 2.0), 6.0)
        said: dict[str, object] = {"lane_width_m": round(width, 3)}
        if held.runs_along(place.road, place.lane) == (place.along > 0) and isinstance(held, OpenDrive):
            road = held.roads[place.road]
            driving = road.section(place.s).driving
            own = sorted((abs(lane) for lane in driving if (lane > 0) == (place.lane > 0)), reverse=not road.left_hand)
            if abs(place.lane) in own and not road.left_hand:
                said |= {
                    "lanes": min(len(own), 8),
                    "ego_lane": min(own.index(abs(place.lane)), 7),
                    "oncoming_lanes": min(len(driving) - len(own), 8),
                }
        curve = self._curve(place)
        return Road.model_validate(said | ({"curve": curve} if curve else {}))

    def _curve(self, place: Place) -> dict[str, float] | None:
        """Returns the curve that best fits the road around a place, or None if the road is straight."""
        before, after = ([place.pose(self.map).heading] for _ in (0, 1))
        for headings, reach, way in ((before, _BEHIND_M, -_STEP_M), (after, _AHEAD_M, _STEP_M)):
            here = place
            for _ in range(int(reach / _STEP_M)):
                here = moved(here, way, self.map)
                headings.append(here.pose(self.map).heading)
        turns = np.diff(np.unwrap([*before[:0:-1], *after]))
        stations = _STEP_M * (np.arange(len(turns)) + 0.5 - (len(before) - 1))
        if np.abs(turns).sum() < _STRAIGHT_RAD:
            return None
        side = math.copysign(1.0, turns.sum())
        turning = np.clip(side * turns, 0.0, None)
        angle, tightest = float(turning.sum()), float(turning.max()) / _STEP_M
        middle = float((stations * turning).sum() / angle)
        spread = stations[turning > 0.1 * turning.max()]
        length, extent = angle / tightest, float(spread[-1] - spread[0]) + _STEP_M
        entry = min(max(extent - length, _LEAST_ENTRY_M), _MOST_ENTRY_M, length)
        return {
            "radius_m": round(side / tightest, 2),
            "starts_m": round(middle - (length + entry) / 2, 2),
            "angle_deg": round(min(math.degrees(angle), 180.0), 2),
            "entry_m": round(max(entry, _LEAST_ENTRY_M), 2),
        }


def roads_of(root: ET.Element, ego: str, folder: Path | None, notes: Notes) -> RoadView:
    """Returns the roads that a file names, or an assumed road, which is noted."""
    position = first_position(root, ego)
    said = None if position is None else next(iter(position), None)
    logic = root.find("RoadNetwork/LogicFile")
    if logic is not None and (found := _read(logic, folder, notes)) is not None:
        return RoadView(found, None)
    left = None
    try:
        if position is not None and said is not None and said.tag == "LanePosition" and _is_of(root, ego, position):
            left = max(abs(int(number(said, "laneId"))) - 1, 0)
            if _turned_round(said):
                left = None
    except UnmappableError:  # noted where the position is read
        left = None
    return RoadView(_assumed(said), left)


def _is_of(root: ET.Element, ego: str, position: ET.Element) -> bool:
    """Returns whether a Position is the ego's own, and not that of an entity that it is relative to."""
    privates = (p for p in root.iterfind("Storyboard/Init/Actions/Private") if p.get("entityRef") == ego)
    return any(position is found for private in privates for found in private.iter("Position"))


def _turned_round(said: ET.Element) -> bool:
    orientation = said.find("Orientation")
    return orientation is not None and math.cos(number(orientation, "h", 0.0)) < 0


def _assumed(said: ET.Element | None) -> AssumedRoad:
    """Returns one straight road on which the ego is in the centre of a lane."""
    try:
        if said is not None and said.tag == "LanePosition":
            return AssumedRoad(said.get("roadId", ""))
        if said is not None and said.tag == "RoadPosition":
            road, t = AssumedRoad(said.get("roadId", "")), number(said, "t")
            lane = road.lane_at("", 0.0, t)
            return AssumedRoad(road.name, shift_m=t - road.lane_centre("", 0.0, lane))
        if said is not None and said.tag == "WorldPosition":
            origin = Pose(number(said, "x"), number(said, "y"), number(said, "h", 0.0))
            return AssumedRoad(None, origin, LANE_WIDTH_M / 2)
    except UnmappableError:  # noted where the position is read
        pass
    return AssumedRoad(None)


def _read(logic: ET.Element, folder: Path | None, notes: Notes) -> OpenDrive | None:
    name = logic.get("filepath", "")
    why = f"its file, {name[:80]}, is not found"
    try:
        path = None if folder is None or not name else folder / name.replace("\\", "/")
        if path is not None and path.is_file():
            with path.open("rb") as file:
                return OpenDrive.read(read_xml(file.read(MAX_BYTES + 1), str(path)).root)
    except (InputError, UnmappableError, OSError, ValueError) as error:
        why = f"its file, {name[:80]}, cannot be used: {error}"
    notes.changed(logic, "road", f"{why}: assumed to be straight, with lanes of {LANE_WIDTH_M:g} m")
    return None
