"""Entities of a file: which of them are vehicles, and which is the ego."""

from __future__ import annotations

import pytest

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario import import_openscenario
from openscenario_documents import at, document, imported, lane, private, reasons, speed, vehicle


def test_entities_that_are_no_vehicles_are_dropped_and_catalogues_guessed() -> None:
    catalogue = '<ScenarioObject name="{0}"><CatalogReference catalogName="{1}" entryName="{2}"/></ScenarioObject>'
    entities = "".join(
        [
            vehicle("Ego"),
            vehicle("Bike", "bicycle"),
            '<ScenarioObject name="Walker"><Pedestrian name="p"/></ScenarioObject>',
            catalogue.format("Lorry", "VehicleCatalog", "truck_yellow"),
            catalogue.format("Person", "PedestrianCatalog", "adult"),
        ]
    )
    init = private("Ego", at(lane(50)), speed(10)) + private("Lorry", at(lane(90)), speed(10))
    result = imported(entities, init)
    assert [(actor.id, actor.category) for actor in result.scenario.actors] == [("Lorry", "truck")]
    text = "\n".join(reasons(result))
    for words in ("dropped entity Bike", "dropped entity Walker", "dropped entity Person", "changed entity Lorry"):
        assert words in text


NAMES = {
    "car_white": "car",
    "semi_tractor": "truck",
    "truck_with_trailer": "truck",
    "city_bus": "bus",
    "van_red": "van",
    "trailer_2axle": None,
    "semi_trailer_long": None,
    "scooter1": None,
    "moped": None,
    "cargo_bike": None,
    "motorbike": None,
    "cyclist": None,
    "tram": None,
    "sports_car_1999": "car",
    "motorhome": "car",
}


@pytest.mark.parametrize("entry", NAMES)
def test_the_name_of_an_entry_says_what_it_is_where_its_catalogue_is_missing(entry: str) -> None:
    reference = f'<CatalogReference catalogName="VehicleCatalog" entryName="{entry}"/>'
    entities = f'<ScenarioObject name="Thing">{reference}</ScenarioObject>{vehicle("Main")}'
    init = private("Thing", at(lane(90)), speed(10)) + private("Main", at(lane(50)), speed(10))
    if NAMES[entry] is None:  # what is left out is never the ego
        result = imported(entities, init)
        assert result.scenario.actors == ()
        assert any(reason.startswith("dropped entity Thing: from a catalogue") for reason in reasons(result))
        return
    result = import_openscenario(document(entities, init), "a.xosc", ego="Main")
    assert [actor.category for actor in result.scenario.actors] == [NAMES[entry]]


def test_the_ego_is_found_named_or_taken() -> None:
    init = private("A", at(lane(50)), speed(10)) + private("B", at(lane(90)), speed(9))
    plain = document(vehicle("A") + vehicle("B"), init)
    assert import_openscenario(plain, "a.xosc").scenario.ego.speed_mps == 10
    assert import_openscenario(plain, "a.xosc", ego="B").scenario.ego.speed_mps == 9
    said = vehicle("B").replace("<Vehicle", '<Vehicle role="ego_vehicle"')
    assert import_openscenario(document(vehicle("A") + said, init), "a.xosc").scenario.ego.speed_mps == 9
    with pytest.raises(InputError, match="no vehicle 'C'; there are A, B"):
        import_openscenario(plain, "a.xosc", ego="C")
