"""The vehicles of a file: category, size, and which of them is the ego."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario.library import xosc
from drivesim.scenario.interchange.openscenario.notes import Notes, UnmappableError, number, parsed
from drivesim.scenario.interchange.openscenario.xml_tree import XmlTree
from drivesim.scenario.schema.actors import DEFAULT_SIZE_M
from drivesim.scenario.schema.vocabulary import CATEGORIES

_EGO_NAMES = re.compile(r"(ego|hero|host|sut)(?![a-z])|ego_?vehicle", re.IGNORECASE)
# Words in names of catalogues and their entries for what is no vehicle of a category of ours.
_OTHERS = re.compile(r"pedestrian|walker|cycl|bike|motor|misc|train|tram|animal", re.IGNORECASE)


@dataclass(frozen=True)
class Vehicle:
    """A vehicle: `size_m` is length, width, height; its middle lies `ahead_m`, `left_m` of its reference point."""

    element: ET.Element
    category: str
    size_m: tuple[float, float, float]
    ahead_m: float
    left_m: float
    sized: bool = True


def detect_vehicles(tree: XmlTree, notes: Notes) -> dict[str, Vehicle]:
    """The vehicles by name, in the order of the file; what is no vehicle is dropped."""
    vehicles: dict[str, Vehicle] = {}
    for element in tree.root.findall("Entities/ScenarioObject"):
        name = element.get("name", "")
        with notes.dropping(element, f"entity {name}"):
            vehicles[name] = _vehicle(element, name, notes)
    for element in tree.root.findall("Entities/EntitySelection"):
        notes.dropped(element, f"selection {element.get('name')}", "actors are named one by one")
    return vehicles


def ego_of(vehicles: dict[str, Vehicle], asked: str | None, tree: XmlTree, notes: Notes) -> str:
    """The name of the ego: the one asked for, else by its name or properties, else the first vehicle."""
    if not vehicles:
        raise InputError(f"{tree.file}: no vehicle of {', '.join(CATEGORIES)} in it, so no ego")
    if asked is not None:
        if asked not in vehicles:
            raise InputError(f"{tree.file}: no vehicle {asked!r}; there are {', '.join(sorted(vehicles))}")
        return asked
    for name, vehicle in vehicles.items():
        if _EGO_NAMES.match(name) or _said_to_be_ego(vehicle.element):
            return name
    first = next(iter(vehicles))
    notes.changed(vehicles[first].element, f"entity {first}", "taken for the ego: no other says it is; see --ego")
    return first


def _said_to_be_ego(element: ET.Element) -> bool:
    values = {p.get("value") for p in element.iter("Property")} | {v.get("role") for v in element.iter("Vehicle")}
    return bool(values & {"ego", "ego_vehicle"})


def _vehicle(element: ET.Element, name: str, notes: Notes) -> Vehicle:
    inline, reference = element.find("Vehicle"), element.find("CatalogReference")
    if inline is not None:
        category = inline.get("vehicleCategory", "")
        if category not in CATEGORIES:
            raise UnmappableError(f"a vehicle of category {category!r}; drivesim has {', '.join(CATEGORIES)}")
        box = parsed(xosc.BoundingBox.parse, inline.find("BoundingBox"))
        measures = (box.boundingbox.length, box.boundingbox.width, box.boundingbox.height)
        length, width, height = (number(measure) for measure in measures)
        return Vehicle(element, category, (length, width, height), number(box.center.x), number(box.center.y))
    if reference is None:
        other = next((child.tag for child in element if child.tag != "ObjectController"), "nothing")
        raise UnmappableError(f"{other}: only vehicles are drawn")
    words = f"{reference.get('catalogName', '')} {reference.get('entryName', '')}".lower()
    category = next((c for c in ("bus", "truck", "van", "car") if re.search(rf"(?<![a-z]){c}(?![a-z])", words)), None)
    if category is None and _OTHERS.search(words):
        raise UnmappableError(f"from a catalogue, {words.strip()!r}: only vehicles are drawn")
    taken = category or "car"
    notes.changed(element, f"entity {name}", f"catalogues are not read: taken for a {taken} of usual size")
    length = DEFAULT_SIZE_M[taken][0]
    # The reference point of a vehicle is its rear axle; the middle of a usual one lies this far ahead.
    return Vehicle(element, taken, DEFAULT_SIZE_M[taken], 0.3 * length, 0.0, sized=False)
