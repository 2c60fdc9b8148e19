"""The ego and the actors of an import before they are checked; what no scenario takes is dropped part by part."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from drivesim.errors import InputError
from drivesim.scenario.checks.places import EGO_AHEAD_M
from drivesim.scenario.checks.plausibility import findings
from drivesim.scenario.interchange.openscenario.actions import Manoeuvre
from drivesim.scenario.interchange.openscenario.entities import Vehicle
from drivesim.scenario.interchange.openscenario.notes import Notes
from drivesim.scenario.interchange.openscenario.places import LANE_WIDTH_M, Place
from drivesim.scenario.schema.actors import MAX_ACTORS, MAX_MANOEUVRES
from drivesim.scenario.schema.messages import misfits
from drivesim.scenario.schema.road import Road
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.text.problems import FieldPath


@dataclass
class Draft:
    """The ego or an actor: the fields of a scenario file, and the element that each part is from."""

    name: str
    element: ET.Element
    fields: dict[str, Any]
    manoeuvres: list[tuple[Manoeuvre, ET.Element]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As a scenario file says it."""
        said = [made for made, _ in sorted(self.manoeuvres, key=lambda entry: entry[0]["start_s"])]
        return self.fields | ({"manoeuvres": said} if said else {})


def actor_fields(vehicle: Vehicle, place: Place, speed_mps: float, ego: Vehicle, road: Road) -> dict[str, Any]:
    """The fields of an actor: a scenario counts from the camera to the near end, OpenSCENARIO between rear axles."""
    cos, sin = math.cos(place.heading_rad), math.sin(place.heading_rad)
    length, width, _ = vehicle.size_m
    camera_m = ego.ahead_m + ego.size_m[0] / 2 - EGO_AHEAD_M
    ahead = place.ahead_m + vehicle.ahead_m * cos - vehicle.left_m * sin
    left = place.left_m + vehicle.ahead_m * sin + vehicle.left_m * cos
    distance = ahead - (abs(cos) * length + abs(sin) * width) / 2 - camera_m
    fields: dict[str, Any] = {"category": vehicle.category, "distance_m": round(distance, 2)}
    in_lane = place.lane is not None and abs(left - place.lane * LANE_WIDTH_M) < 0.01
    fields |= {"lane": place.lane} if in_lane else {"lateral_m": round(left, 2)}
    usual = math.pi if road.is_oncoming(left) else 0.0
    if abs(math.remainder(place.heading_rad - usual, 2 * math.pi)) > 0.005:
        fields["heading_deg"] = round(math.degrees(place.heading_rad), 1)
    if vehicle.sized:
        measures = zip(("length_m", "width_m", "height_m"), vehicle.size_m, strict=True)
        fields["size"] = {name: round(measure, 2) for name, measure in measures}
    return fields | {"speed_mps": round(speed_mps, 3)}


def with_ids(drafts: list[Draft]) -> None:
    """Gives each actor its name in the file as its id, as far as an id may be that."""
    taken: set[str] = set()
    for draft in drafts:
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", draft.name).lstrip("_-")[:32]
        if name and name not in taken:
            taken.add(name)
            draft.fields = {"id": name, **draft.fields}


def accepted(shared: Mapping[str, Any], ego: Draft, actors: list[Draft], notes: Notes) -> Scenario:
    """The scenario of these parts, without those that it may not have, each of which is noted as dropped."""
    for draft in actors[MAX_ACTORS:]:
        notes.dropped(draft.element, f"entity {draft.name}", f"more than {MAX_ACTORS} actors")
    del actors[MAX_ACTORS:]
    for draft in (ego, *actors):
        for made, element in draft.manoeuvres[MAX_MANOEUVRES:]:
            notes.dropped(element, f"{made['type']} of {draft.name}", f"more than {MAX_MANOEUVRES} manoeuvres")
        del draft.manoeuvres[MAX_MANOEUVRES:]
        draft.manoeuvres.sort(key=lambda entry: entry[0]["start_s"])
    while True:
        plain = {**shared, "ego": ego.plain(), "actors": [actor.plain() for actor in actors]}
        try:
            scenario = Scenario.model_validate(plain)
            problems = [(finding.path, str(finding)) for finding in findings(scenario) if finding.stops]
        except ValidationError as error:
            problems = list(misfits(error))
        if not problems:
            return scenario
        _drop(problems, ego, actors, notes)


def _drop(problems: Iterable[tuple[FieldPath, str]], ego: Draft, actors: list[Draft], notes: Notes) -> None:
    """Takes out what the problems lie in: manoeuvres first, and the last ones first, so that places stay right."""
    parts: dict[tuple[int, int], str] = {}
    for path, why in problems:
        match path:
            case ("ego", "manoeuvres", int(manoeuvre), *_):
                parts.setdefault((-1, manoeuvre), why)
            case ("actors", int(actor), "manoeuvres", int(manoeuvre), *_):
                parts.setdefault((actor, manoeuvre), why)
            case ("actors", int(actor), *_):
                parts.setdefault((actor, -1), why)
            case _:
                raise InputError(f"{notes.tree.file}: {ego.name} cannot be the ego: {why}")
    for (actor, manoeuvre), why in sorted(parts.items(), reverse=True):
        draft = ego if actor < 0 else actors[actor]
        if manoeuvre >= 0:
            made, element = draft.manoeuvres.pop(manoeuvre)
            notes.dropped(element, f"{made['type']} of {draft.name}", why)
        else:
            notes.dropped(draft.element, f"entity {draft.name}", why)
            del actors[actor]
