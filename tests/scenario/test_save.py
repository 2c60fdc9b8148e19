"""What is saved can be read again as the same scenario, and shown on a terminal as it is."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from drivesim.scenario import parse_scenario, scenario_yaml
from drivesim.scenario.interchange.importing import import_file
from drivesim.scenario.save import fields_yaml
from drivesim.scenario.text.yaml_document import read_document

CUT_IN = Path(__file__).parent / "interchange/openscenario/cut_in.xosc"


@given(st.text(max_size=200))
def test_any_text_survives_and_only_printable_characters_are_written(text: str) -> None:
    written = fields_yaml({"first_frame": text}, comment=f"From {text}")
    assert written.replace("\n", "").isprintable()
    assert read_document(written.encode(), "file").value == {"first_frame": text}


def test_what_import_writes_of_strange_names_and_descriptions_can_be_read(tmp_path: Path) -> None:
    log = tmp_path / "a\x9b\u202eb.csv"
    rows = [
        f"{time / 10},n\x01\x1b\x7f\x9b\u202e\ufffe{number},{10 * number + time},0,{int(number == 0)}"
        for time in range(20)
        for number in range(2)
    ]
    log.write_text("\n".join(["time,id,x,y,ego", *rows]))
    storyboard = tmp_path / "b.xosc"
    text = CUT_IN.read_text()
    storyboard.write_text(re.sub(r'description="[^"]*"', 'description="a&#x9b;&#x202e;&#10;&#x85;b"', text, count=1))
    for file in (log, storyboard):
        for made in import_file(file):
            written = scenario_yaml(made.scenario, f"From {file.name}: {made.description}")
            assert written.replace("\n", "").isprintable()
            assert parse_scenario(written.encode()) == made.scenario
