"""The entities of a file: their kinds and sizes, and the ego among them."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario.reading.attributes import number
from drivesim.scenario.interchange.openscenario.reading.catalogues import Catalogues
from drivesim.scenario.interchange.openscenario.reading.notes import Notes, UnmappableError
from drivesim.scenario.interchange.openscenario.reading.xml_tree import XmlTree
from drivesim.scenario.schema.actors import DEFAULT_SIZE_M
from drivesim.scenario.schema.vocabulary import CATEGORIES

_EGO_NAMES = re.compile(r"(ego|hero|host|sut)(?![a-z])|ego_?vehicle", re.IGNORECASE)
# Words in the names of catalogues and their entries, in the order in which they are tried.
_NO_VEHICLE = re.compile(
    r"pedestrian|walker|person|cycl|bike|motor(?!way|home)|scooter|moped|misc|train|tram(?![a-z])|animal|object"
)
_TRAILER = re.compile(r"trailer|dolly|caravan")
_WORDS = (
    ("bus", r"(?<![a-z])(bus|coach)(?![a-z])"),
    ("truck", r"(?<![a-z])(truck|lorry|tractor|hgv|semi(?! ?trailer))(?![a-z])"),
    ("van", r"(?<![a-z])van(?![a-z])"),
    ("car", r"(?<![a-z])car(?![a-z])"),
)
_SMALL_M = (0.6, 0.6, 1.8)


@dataclass(frozen=True)
class Vehicle:
    """A moving entity. The centre of its box lies `ahead_m` and `left_m` of its reference point.

    Attributes:
        category: One of drivesim's categories; None for an entity that moves in the storyboard but is not drawn.
        size_m: Length, width and height.
        sized: Whether the file gives the size.
        performance: Largest speed, acceleration and deceleration in the file.
    """

    element: ET.Element
    category: str | None
    size_m: tuple[float, float, float]
    ahead_m: float = 0.0
    left_m: float = 0.0
    sized: bool = True
    performance: tuple[float, float, float] = (math.inf, math.inf, math.inf)


def read_entities(tree: XmlTree, catalogues: Catalogues, notes: Notes) -> dict[str, Vehicle]:
    """Returns all moving entities by name, in the order of the file; those that are not drawn are noted as dropped."""
    entities: dict[str, Vehicle] = {}
    for element in tree.root.findall("Entities/ScenarioObject"):
        name = element.get("name", "")
        entities[name] = _entity(element, name, catalogues, notes)
    return entities


def read_selections(root: ET.Element, entities: dict[str, Vehicle]) -> dict[str, list[str]]:
    """Returns the members of each selection of entities by name; of members by type, only vehicles are resolved."""
    selections: dict[str, list[str]] = {}
    for selection in root.findall("Entities/EntitySelection"):
        members = [entry.get("entityRef", "") for entry in selection.iterfind("Members/EntityRef")]
        for kind in selection.iterfind("Members/ByType"):
            if kind.get("objectType") == "vehicle":
                members += [name for name, entity in entities.items() if entity.category is not None]
        selections[selection.get("name", "")] = members
    return selections


def ego_of(entities: dict[str, Vehicle], asked: str | None, tree: XmlTree, notes: Notes) -> str:
    """Returns the name of the ego.

    This is the requested entity if there is one, or else an entity with the name or the properties of an ego, or else
    the first vehicle.

    Raises:
        InputError: There is no vehicle, or none with the requested name.
    """
    vehicles = {name: entity for name, entity in entities.items() if entity.category is not None}
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
    notes.changed(vehicles[first].element, f"entity {first}", "assumed to be the ego; see --ego")
    return first


def _said_to_be_ego(element: ET.Element) -> bool:
    values = {p.get("value") for p in element.iter("Property")} | {v.get("role") for v in element.iter("Vehicle")}
    return bool(values & {"ego", "ego_vehicle"})


def _entity(element: ET.Element, name: str, catalogues: Catalogues, notes: Notes) -> Vehicle:
    described = next((part for part in element if part.tag != "ObjectController"), None)
    if described is None:
        notes.dropped(element, f"entity {name}", "its kind is not given")
        return Vehicle(element, None, _SMALL_M)
    if described.tag == "CatalogReference":
        entry = catalogues.entry(described)
        if entry is None:
            return _by_words(element, name, described, notes)
        described = entry
    if described.tag != "Vehicle":
        notes.dropped(element, f"entity {name}", f"{described.tag}: only vehicles are drawn")
        return _with_box(element, described, None, _SMALL_M)
    category = described.get("vehicleCategory", "")
    if category not in CATEGORIES:
        why = f"a vehicle of category {category!r}; drivesim has {', '.join(CATEGORIES)}"
        notes.dropped(element, f"entity {name}", why)
        return _with_box(element, described, None, _SMALL_M)
    try:
        return _with_box(element, described, category, None)
    except UnmappableError as error:
        notes.changed(element, f"entity {name}", f"{error}: assumed to be a {category} of usual size")
        return _usual(element, category)


def _with_box(
    element: ET.Element, described: ET.Element, category: str | None, otherwise: tuple[float, float, float] | None
) -> Vehicle:
    """Returns the vehicle with the bounding box of its description.

    Raises:
        UnmappableError: The description has no box, and there is no default size.
    """
    try:
        measures, centre = described.find("BoundingBox/Dimensions"), described.find("BoundingBox/Center")
        if measures is None or centre is None:
            raise UnmappableError(f"{described.tag} without a BoundingBox")
        length, width, height = (number(measures, key) for key in ("length", "width", "height"))
        middle = number(centre, "x"), number(centre, "y")
        return Vehicle(element, category, (length, width, height), *middle, performance=_performance(described))
    except UnmappableError:
        if otherwise is None:
            raise
        return Vehicle(element, category, otherwise)


def _performance(described: ET.Element) -> tuple[float, float, float]:
    """Returns the performance of a vehicle; values that are missing or implausible are infinite."""
    said = described.find("Performance")

    def limit(key: str) -> float:
        value = math.inf if said is None else number(said, key, math.inf)
        return value if value > 0 else math.inf

    return limit("maxSpeed"), limit("maxAcceleration"), limit("maxDeceleration")


def _by_words(element: ET.Element, name: str, reference: ET.Element, notes: Notes) -> Vehicle:
    """Returns a vehicle that is guessed from the name of an entry whose catalogue is not found."""
    entry, catalogue = reference.get("entryName", "").lower(), reference.get("catalogName", "").lower()
    words = f"{catalogue.removesuffix('catalog')} {entry}"
    category = next((kind for kind, pattern in _WORDS if re.search(pattern, entry.replace("_", " "))), None)
    trailing = _TRAILER.search(entry) and category != "truck"
    if trailing or (category is None and _NO_VEHICLE.search(words)):
        notes.dropped(element, f"entity {name}", f"from a catalogue, {words.strip()!r}: only vehicles are drawn")
        return Vehicle(element, None, _SMALL_M)
    taken = category or "car"
    why = f"its catalogue was not found; {entry!r} is assumed to be a {taken} of usual size"
    notes.changed(element, f"entity {name}", why)
    return _usual(element, taken)


def _usual(element: ET.Element, category: str) -> Vehicle:
    # The reference point of a vehicle is its rear axle; the centre of a usual vehicle lies this far ahead.
    return Vehicle(element, category, DEFAULT_SIZE_M[category], 0.3 * DEFAULT_SIZE_M[category][0], sized=False)
