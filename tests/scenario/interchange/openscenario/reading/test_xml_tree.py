"""XML from anywhere: what is refused, in one line, before memory is taken."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario import import_openscenario
from drivesim.scenario.interchange.openscenario.reading.xml_tree import MAX_BYTES, read_xml
from drivesim.scenario.interchange.openscenario.running import simulation

ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE a [<!ENTITY e0 "ha">{ENTITIES}]><OpenSCENARIO>&e9;</OpenSCENARIO>'

BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "1:1: not valid XML: no element found"),
    "yaml": (b"format: 1\n", "1:1: not valid XML: syntax error"),
    "unclosed": (b"<OpenSCENARIO>\n  <Entities>", "2:13: not valid XML: no element found"),
    "mismatched": (b"<a>\n<b></a>", "2:6: not valid XML: mismatched tag"),
    "twice the same attribute": (b'<a b="1" b="2"/>', "1:10: not valid XML: duplicate attribute"),
    "entities in entities": (BOMB.encode(), "1:13: a document type (<!DOCTYPE); remove it"),
    "the same in UTF-16": (BOMB.encode("utf-16"), "1:14: a document type"),
    "a file from elsewhere": (
        b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<a>&x;</a>',
        "2:13: a document type",
    ),
    "an unknown entity": (b"<a>&nothing;</a>", "1:4: not valid XML: undefined entity"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><a/>', "1:"),
    "wrong bytes": (b"<a>\xff</a>", "1:4: not valid XML: not well-formed (invalid token)"),
    "deep": (b"<a>" * 100_000, "1:193: nested deeper than 64 levels"),
    "long": (b"<a>" + b"<b/>" * 60_000 + b"</a>", "1:200000: more than 50000 elements"),
    "a long attribute": (b'<a b="' + b"x" * 5000 + b'"/>', "1:1: an attribute of more than 4000 characters"),
    "too large": (b" " * (MAX_BYTES + 1), " larger than 4 MiB"),
    "another format": (b"<OpenDRIVE/>", "1:1: expected an OpenSCENARIO scenario with a Storyboard, got <OpenDRIVE>"),
    "a catalogue": (
        b"<OpenSCENARIO><Catalog/></OpenSCENARIO>",
        " is a catalogue; import the scenario that refers to it",
    ),
    "no vehicle": (b"<OpenSCENARIO><Storyboard/></OpenSCENARIO>", " no vehicle of car, van, truck, bus in it"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_with_its_place(name: str) -> None:
    content, message = BAD[name]
    with pytest.raises(InputError) as caught:
        import_openscenario(content, "case.xosc")
    assert str(caught.value).startswith(f"case.xosc:{message}")
    assert len(str(caught.value).splitlines()) == 1


def test_elements_know_their_lines() -> None:
    tree = read_xml(b'<a>\n  <b c="1"/>\n  <b>text</b>\n</a>', "case.xml")
    assert [tree.place_of(element) for element in tree.root.iter()] == [("case.xml", line) for line in (1, 2, 3)]


@pytest.fixture(autouse=True, scope="module")
def short_horizon() -> Iterator[None]:
    """Storyboards that nothing stops are given up soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "HORIZON_S", 12.0)
        yield


SAMPLE = (Path(__file__).parents[1] / "cut_in.xosc").read_bytes()


def lines_of(content: bytes) -> list[str]:
    """The notes of an import, or the error that refuses it."""
    try:
        return [str(note) for note in import_openscenario(content, "case.xosc").notes]
    except InputError as error:
        return str(error).splitlines()


PIECES = [b"", b"<", b"/>", b'"', b"&e;", b"$x", b"-1e308", b"nan", b"0", b"Ego", b"\xff", b"entityRef", b"<Event>"]


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_mutated_file_is_imported_or_refused_in_one_line(data: st.DataObject) -> None:
    content = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 10))] = data.draw(st.sampled_from(PIECES))
    assert all(line and line.isprintable() for line in lines_of(bytes(content)))


NUMBERS = ["-1", "0", "1e9", "-1e308", "nan", "inf", "x", "", "$p", "${1/0}", "1000000000000", "0.0001"]


@pytest.mark.parametrize("number", ["x", "1e9", "0"])
def test_the_lane_of_the_ego_may_hold_anything(number: str) -> None:
    tree = ET.fromstring(SAMPLE)
    for place in tree.iter("LanePosition"):
        place.set("laneId", number)
    assert all(line and line.isprintable() for line in lines_of(ET.tostring(tree)))


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_attribute_may_hold_anything(data: st.DataObject) -> None:
    tree = ET.fromstring(SAMPLE)
    places = [(element, key) for element in tree.iter() for key in element.attrib]
    texts = sorted({element.attrib[key] for element, key in places})
    for _ in range(data.draw(st.integers(1, 3))):
        element, key = data.draw(st.sampled_from(places))
        element.set(key, data.draw(st.sampled_from(NUMBERS) | st.sampled_from(texts)))
    assert all(line and line.isprintable() for line in lines_of(ET.tostring(tree)))
