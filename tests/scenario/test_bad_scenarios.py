"""A corpus of wrong scenario files: the place and the message of each."""

from __future__ import annotations

import pytest

from drivesim.errors import ScenarioError
from drivesim.scenario import parse_scenario

HEAD = b"format: 1\nname: case\n"
BOX = b"{category: car, xyxy: [400, 260, 520, 340]}"

# What follows the two lines of HEAD, and the problems as (line, column, message).
BAD_FIELDS = {
    "misspelt key": (b"time_of_dya: night", [(3, 1, "unknown key `time_of_dya`; did you mean `time_of_day`?")]),
    "unknown key": (b"sampling: {xyz: 1}", [(3, 12, "unknown key `xyz`; known here: ")]),
    "duplicate key": (b"seed: 1\nseed: 2", [(4, 1, "`seed` is given twice; first in line 3")]),
    "duplicate key inside": (
        b"boxes:\n  - " + BOX[:-1] + b", category: bus}",
        [(4, 49, "`category` is given twice; first in line 4")],
    ),
    "wrong type": (b"futures: many", [(3, 10, "`futures`: expected a whole number, got 'many'")]),
    "float for a count": (b"futures: 2.0", [(3, 10, "`futures`: expected a whole number, got 2.0")]),
    "text for a number": (b"duration_s: '4'", [(3, 13, "`duration_s`: expected a number, got '4'")]),
    "yes is text": (b"seed: yes", [(3, 7, "`seed`: expected a whole number, got 'yes'")]),
    "sexagesimal is text": (b"duration_s: 1:30", [(3, 13, "`duration_s`: expected a number, got '1:30'")]),
    "true is no number": (b"seed: true", [(3, 7, "`seed`: expected a whole number, got true")]),
    "too long": (b"duration_s: 3600.1", [(3, 13, "`duration_s`: expected at most 3600, got 3600.1")]),
    "too short": (b"duration_s: 0.39", [(3, 13, "`duration_s`: expected at least 0.4, got 0.39")]),
    "a huge number of frames": (b"duration_s: 1e18", [(3, 13, "`duration_s`: expected at most 3600, got 1e+18")]),
    "no futures": (b"futures: 0", [(3, 10, "`futures`: expected at least 1, got 0")]),
    "negative seed": (b"seed: -1", [(3, 7, "`seed`: expected at least 0, got -1")]),
    "seed of 64 bits": (b"seed: 9223372036854775808", [(3, 7, "`seed`: expected less than 9223372036854775808, got ")]),
    "nan": (b"duration_s: .nan", [(3, 13, "expected a finite number, got .nan")]),
    "infinity": (b"duration_s: -.INF", [(3, 13, "expected a finite number, got -.INF")]),
    "overflow": (b"duration_s: 1e999", [(3, 13, "expected a finite number, got 1e999")]),
    "endless digits": (b"seed: " + b"9" * 5000, [(3, 7, "a number of 5000 characters, expected at most 64")]),
    "misspelt word": (
        b"time_of_day: nihgt",
        [(3, 14, "`time_of_day`: expected 'day' or 'night', got 'nihgt'; did you mean 'night'?")],
    ),
    "unknown category": (
        b"boxes:\n  - {category: tram, xyxy: [400, 260, 520, 340]}",
        [(4, 16, "`category`: expected 'car', 'van', 'truck' or 'bus', got 'tram'")],
    ),
    "no category": (b"boxes:\n  - xyxy: [400, 260, 520, 340]", [(4, 5, "`category` is missing")]),
    "three edges": (
        b"boxes:\n  - {category: car, xyxy: [1, 2, 3]}",
        [(4, 27, "`xyxy`: expected 4 numbers, x0 y0 x1 y1, got 3")],
    ),
    "edges out of order": (
        b"boxes:\n  - {category: car, xyxy: [520, 260, 400, 340]}",
        [(4, 27, "`xyxy`: expected x0 < x1, got x0 = 520 and x1 = 400")],
    ),
    "no height": (
        b"boxes:\n  - {category: car, xyxy: [400, 260, 520, 260]}",
        [(4, 27, "`xyxy`: expected y0 < y1, got y0 = 260 and y1 = 260")],
    ),
    "box outside the frame": (
        b"boxes:\n  - {category: car, xyxy: [400, 260, 1100, 340]}",
        [(4, 27, "the box leaves the frame: expected x in 0..1024 and y in 0..512, got [400, 260, 1100, 340]")],
    ),
    "pixels where 0..1 was said": (
        b"coords: normalized\nboxes:\n  - " + BOX,
        [(5, 27, "the box leaves the frame: expected x in 0..1 and y in 0..1, got [400, 260, 520, 340]")],
    ),
    "both first frames": (
        b"boxes: []\nfirst_frame: a.png",
        [(4, 14, "`first_frame`: `boxes` already define the first frame; remove one of the two")],
    ),
    "too many boxes": (
        b"boxes: [" + (BOX + b",") * 513 + b"]",
        [(3, 8, "`boxes`: expected at most 512 boxes, got 513")],
    ),
    "boxes are no list": (b"boxes: 3", [(3, 8, "`boxes`: expected a list, got 3")]),
    "a box is no mapping": (b"boxes: [car]", [(3, 9, "expected a mapping, got 'car'")]),
    "too crowded": (b"crowdedness: 65", [(3, 14, "`crowdedness`: expected at most 64, got 65")]),
    "no steps": (b"sampling: {steps: 0}", [(3, 19, "`steps`: expected at least 1, got 0")]),
    "unknown sampler": (
        b"sampling: {sampler: dimm}",
        [(3, 21, "`sampler`: expected 'ddim' or 'dpm_solver_2m', got 'dimm'; did you mean 'ddim'?")],
    ),
    "a line break in a word": (
        b'time_of_day: "day\\n"',
        [(3, 14, "`time_of_day`: expected 'day' or 'night', got 'day\\n'; did you mean 'day'?")],
    ),
    "a name of an actor that is none": (
        b"actors:\n  - {id: a b, category: car, distance_m: 20}",
        [(4, 10, "`id`: expected letters, digits, '_' and '-', at most 32, a letter or digit first, got 'a b'")],
    ),
    "a picture of an endless name": (b"first_frame: " + b"a" * 1000, [(3, 14, "")]),
    "no such picture": (b"first_frame: nowhere.png", [(3, 14, "")]),
    "several kinds at once": (
        b"time_of_dya: night\nboxes:\n  - {category: car, xyxy: [400, 260, 1100, 340]}",
        [
            (3, 1, "unknown key `time_of_dya`; did you mean `time_of_day`?"),
            (5, 27, "the box leaves the frame: expected x in 0..1024 and y in 0..512, got [400, 260, 1100, 340]"),
        ],
    ),
    "a box outside the frame beside other mistakes in boxes": (
        b"boxes:\n  - {category: lorry, xyxy: [400, 260, 1100, 340]}\n"
        b"  - {category: car, coords: normalized, xyxy: [0.5, 0.5, 1.5, 0.6]}\n  - 7",
        [
            (4, 16, "`category`: expected 'car', 'van', 'truck' or 'bus', got 'lorry'"),
            (4, 29, "the box leaves the frame: expected x in 0..1024 and y in 0..512, got [400, 260, 1100, 340]"),
            (5, 47, "the box leaves the frame: expected x in 0..1 and y in 0..1, got [0.5, 0.5, 1.5, 0.6]"),
            (6, 5, "expected a mapping, got 7"),
        ],
    ),
    "several at once": (
        b"futures: 0\nseed: x\nspeed: 3",
        [
            (3, 10, "`futures`: expected at least 1, got 0"),
            (4, 7, "`seed`: expected a whole number, got 'x'"),
            (5, 1, "unknown key `speed`; did you mean `seed`?"),
        ],
    ),
    "what is not supported yet": (
        b"weather: rain\nactors:\n  - {category: pedestrian, distance_m: 9}\ntime_of_day: dusk",
        [
            (3, 1, "`weather` is not supported yet; see docs/scenarios.md#what-the-default-can-show"),
            (5, 16, "`category`: 'pedestrian' is not supported yet; see docs/scenarios.md#what-the-default-can-show"),
            (6, 14, "`time_of_day`: 'dusk' is not supported yet; see docs/scenarios.md#what-the-default-can-show"),
        ],
    ),
    "anchor": (b"seed: &a 1", [(3, 7, "the anchor &a; write the value out where it is needed")]),
    "alias": (b"seed: *a", [(3, 7, "the alias *a; write the value out")]),
    "tag": (b"seed: !!int 1", [(3, 7, "the tag tag:yaml.org,2002:int; expected a plain value")]),
    "merge key": (b"<<: {seed: 1}", [(3, 1, "the merge key <<; write the keys out")]),
    "number as key": (b"1: 2", [(3, 1, "expected a name before the colon, got 1")]),
    "list as key": (b"? [a]\n: 2", [(3, 3, "expected a name before the colon, got a list or a mapping")]),
    "second document": (b"---\nformat: 1", [(3, 1, "a second document; expected one scenario per file")]),
    "tab": (b"boxes:\n\t- 1", [(4, 1, "a tab in the indentation; use spaces")]),
    "unprintable": (b"seed: 1 # \x07", [(3, 11, "an unprintable character; remove it")]),
    "wrong encoding": (b"# stra\xdfe", [(3, 7, "expected UTF-8 text, got the byte 0xdf; save the file as UTF-8")]),
    "unclosed quote": (b"seed: 'a\nfutures: 1", [(3, 7, "not valid YAML: found unexpected end of stream")]),
    "no space after the colon": (b"seed:1\nfutures: 1", [(3, 1, "not valid YAML: could not find expected ':'")]),
    "a value that is two": (b"time_of_day: day: night", [(3, 17, "not valid YAML: mapping values are not allowed")]),
    "unclosed list": (b"boxes: [", [(4, 1, "not valid YAML: ")]),
    "nested brackets": (b"boxes: " + b"[" * 100_000, [(3, 40, "nested deeper than 32 levels")]),
    "nested dashes": (b"boxes:\n " + b"- " * 50_000, [(4, 66, "nested deeper than 32 levels")]),
    "too many values": (b"boxes: [" + b"0," * 30_000 + b"]", [(3, 39_995, "more than 20000 values")]),
}

BAD_FILES = {
    "empty": (b"", [(1, 1, "expected a mapping, got null")]),
    "a list": (b"- 1", [(1, 1, "expected a mapping, got a list")]),
    "no name": (b"format: 1\n", [(1, 1, "`name` is missing")]),
    "newer format": (b"format: 2\nname: a", [(1, 9, "`format`: this drivesim reads format 1, got 2")]),
    "format that is true": (b"format: true\nname: a", [(1, 9, "`format`: this drivesim reads format 1, got true")]),
    "format with a point": (b"format: 1.0\nname: a", [(1, 9, "`format`: this drivesim reads format 1, got 1.0")]),
    "name with a space": (b"format: 1\nname: a b", [(2, 7, "`name`: expected letters, digits, '_' and '-'")]),
    "name that leaves the folder": (b"format: 1\nname: ../a", [(2, 7, "`name`: expected letters, digits,")]),
    "number as name": (b"format: 1\nname: 5", [(2, 7, "`name`: expected text, got 5")]),
    "utf-16": ("format: 1".encode("utf-16"), [(1, 1, "expected UTF-8 text, got UTF-16; save the file as UTF-8")]),
    "directive": (b"%YAML 1.1\n---\nformat: 1", [(1, 1, "a YAML directive; remove the line that starts with %")]),
    "alias bomb": (
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        [(1, 4, "the anchor &a; write the value out where it is needed")],
    ),
    "too large": (b"#" * ((1 << 20) + 1), [(1, 1, "the file is larger than 1024 KiB")]),
    "binary": (b"\x89PNG\r\n\x1a\n", [(1, 1, "expected UTF-8 text, got the byte 0x89; save the file as UTF-8")]),
}

CORPUS = {name: (HEAD + content, problems) for name, (content, problems) in BAD_FIELDS.items()} | BAD_FILES


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_file_gives_its_places_and_messages(name: str) -> None:
    content, expected = CORPUS[name]
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(content, file="case.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == len(expected)
    for line, (row, column, message) in zip(lines, expected, strict=True):
        assert line.startswith(f"case.yaml:{row}:{column}: {message}")


def test_at_most_ten_problems_are_shown_in_the_order_of_the_file() -> None:
    content = HEAD + b"".join(b"wrong_%d: 1\n" % index for index in range(30))
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(content)
    assert [problem.place.line for problem in caught.value.args] == list(range(3, 13))
    assert str(caught.value).splitlines()[-1] == "and 20 more problems"
    assert sum("^" in line for line in caught.value.explained().splitlines()) == 10


@pytest.mark.parametrize("number", [10, 11, 14])
@pytest.mark.parametrize("kind", ["unknown keys", "keys given twice"])
def test_problems_that_are_not_shown_are_counted(number: int, kind: str) -> None:
    lines = {"unknown keys": b"wrong_%d: 1\n", "keys given twice": b"seed: %d\n"}[kind]
    content = HEAD + b"".join(lines % index for index in range(number + (kind == "keys given twice")))
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(content)
    assert (len(caught.value.args), caught.value.num_more) == (10, number - 10)
    said = {10: [], 11: ["and 1 more problem"], 14: ["and 4 more problems"]}[number]
    assert str(caught.value).splitlines()[10:] == said
