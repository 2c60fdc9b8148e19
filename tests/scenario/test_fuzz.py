"""Mutated scenarios, with sweeps and actors: each is read, or refused with places; nothing else ever happens."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.assets import scenario_library
from drivesim.errors import ScenarioError
from drivesim.scenario import Cases, parse_scenario
from drivesim.scenario.schema.strict import InvalidFieldsError
from drivesim.scenario.text.problems import MAX_SHOWN

SWEPT = """\
format: 1
name: swept
time_of_day: night
boxes:
  - {category: car, xyxy: [400, 260, 520, 340]}
sampling: {steps: 4}
sweep:
  method: latin_hypercube
  count: 6
  seed: 3
  vary:
    time_of_day: {choice: [day, night]}
    boxes[0].xyxy[0]: {uniform: [380, 430]}
    boxes[0].xyxy[2]: {equals: "boxes[0].xyxy[0] + 120"}
    crowdedness: {integer: [1, 4]}
    duration_s: {normal: [4, 1], within: [2, 6], levels: 3}
  where:
    - crowdedness < 4 or time_of_day == 'day'
"""
TEXTS = [SWEPT, *(file.read_text() for file in sorted(scenario_library().glob("*.yaml")))]
DOCUMENTS = [yaml.safe_load(text) for text in TEXTS]
WORDS = [
    "grid",
    "pairwise",
    "random",
    "day",
    "seed",
    "boxes[0].xyxy",
    "actors[0]",
    "1 / 0",
    "[",
    "a" * 2000,
    "uniform",
    "normal",
    "choice",
    "equals",
    "levels",
    "sweep",
    "vary",
    "method",
    "count",
]
SCALARS = st.sampled_from([None, True, 0, -1, 1, 1e300, -1e-300, 10**30, 0.5, float("nan"), "", *WORDS])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every (mapping or list, key) of a document."""
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    return [(document, key) for key in keys] + [place for key in keys for place in places(document[key])]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A scenario with a few values changed, removed, renamed, or put in from elsewhere."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 4))):
        found = places(document)
        if not found:
            break
        parent, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["change", "remove", "rename", "move"])):
            case "change":
                parent[key] = draw(VALUES)
            case "remove":
                del parent[key]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(WORDS))] = parent.pop(key)
            case _:
                other, there = draw(st.sampled_from(found))
                parent[key] = copy.deepcopy(other[there] if there in other or isinstance(other, list) else None)
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=draw(st.sampled_from([None, True]))).encode()


@st.composite
def broken_texts(draw: st.DrawFn) -> bytes:
    """The text of a scenario with some bytes cut out and others put in."""
    content = bytearray(draw(st.sampled_from(TEXTS)).encode())
    pieces = [b"\t", b"&a ", b"*a", b"!!x ", b": ", b"- ", b"[", b"}", b"\n---\n", b"\xff", b".nan", b"1e400", b"?"]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 12)))
        content[start:stop] = draw(st.sampled_from(pieces) | st.binary(max_size=6))
    return bytes(content)


@given(mutants() | broken_texts() | st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_a_mutated_scenario_is_read_or_refused_with_places(content: bytes) -> None:
    problems: tuple = ()
    try:
        scenario = parse_scenario(content, file="case.yaml")
        if scenario.sweep is None or (scenario.sweep.count or 0) < 50:
            list(Cases(scenario)[:3])
    except ScenarioError as error:
        problems = error.args
    except InvalidFieldsError:
        return
    assert len(problems) <= MAX_SHOWN
    for problem in problems:
        assert str(problem).startswith("case.yaml:")
        assert len(str(problem).splitlines()) == 1
        assert len(problem.explained().splitlines()) <= 3
