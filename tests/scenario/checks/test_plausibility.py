from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.errors import ScenarioError
from drivesim.scenario import Scenario, parse_scenario
from drivesim.scenario.checks.plausibility import findings
from drivesim.scenario.load import check_content

PAGE = Path(__file__).parents[3] / "docs" / "scenarios.md"
CODES = set(re.findall(r"^\| ([EW]\d{3}) \|", PAGE.read_text(), re.MULTILINE))
HEAD = "format: 1\nname: case\n"
LEAD = "{id: lead, category: car, distance_m: 20, speed_mps: 10"

# What follows the two lines of HEAD, and the line, column and code of each finding.
IMPLAUSIBLE: dict[str, tuple[str, list[tuple[int, int, str]]]] = {
    "one in the other": (
        f"actors:\n  - {LEAD}}}\n  - {{category: truck, distance_m: 22, lateral_m: 1}}",
        [(5, 5, "E101")],
    ),
    "one drives into the other": (
        f"actors:\n  - {LEAD}}}\n  - {LEAD.replace('lead', 'b')}, lane: 1, manoeuvres: [{{type: cut_in}}]}}",
        [(5, 5, "E101")],
    ),
    "where the ego is": ("actors:\n  - {category: car, distance_m: 0.5}", [(4, 5, "E102")]),
    "as fast as a plane": ("actors:\n  - {category: bus, distance_m: 30, speed_mps: 80}", [(4, 48, "E103")]),
    "a target as fast as a plane": (
        f"actors:\n  - {LEAD}, manoeuvres: [{{type: accelerate, duration_s: 60, speed_mps: 80}}]}}",
        [(4, 121, "E103")],
    ),
    "stops at once": (f"actors:\n  - {LEAD}, manoeuvres: [{{type: stop, duration_s: 0.4}}]}}", [(4, 75, "E104")]),
    "an ego that turns at once": (
        "ego:\n  speed_mps: 20\n  manoeuvres: [{type: turn, angle_deg: 90, duration_s: 1}]",
        [(5, 16, "E104")],
    ),
    "slides sideways": (
        f"actors:\n  - {LEAD}, manoeuvres: [{{type: cut_out, lane: 1, duration_s: 0.5}}]}}",
        [(4, 75, "E105")],
    ),
    "a lane change of one that stands": (
        "actors:\n  - {category: car, distance_m: 20, speed_mps: 0, manoeuvres: [{type: cut_out, lane: 1}]}",
        [(4, 64, "E105")],
    ),
    "brakes and accelerates": (
        "ego:\n  manoeuvres:\n    - {type: brake, speed_mps: 8}\n    - {type: accelerate, speed_mps: 12, start_s: 2}",
        [(6, 7, "E106")],
    ),
    "a box in the sky": ("boxes:\n  - {category: car, xyxy: [400, 100, 480, 160]}", [(4, 27, "W201")]),
    "a box under the road": ("boxes:\n  - {category: car, xyxy: [500, 470, 530, 500]}", [(4, 27, "W202")]),
    "a car like a house": ("boxes:\n  - {category: car, xyxy: [300, 100, 700, 270]}", [(4, 27, "W203")]),
    "out of the frame": ("actors:\n  - {category: car, distance_m: -30}", [(4, 5, "W204")]),
    "hidden": (
        "actors:\n  - {category: bus, distance_m: 10}\n  - {category: car, distance_m: 40}",
        [(5, 5, "W205")],
    ),
    "too far": ("actors:\n  - {category: car, distance_m: 150}", [(4, 5, "W206")]),
    "crowded without actors": ("crowdedness: 4\nactors: []", [(3, 14, "W207")]),
    "crowded with one": (f"crowdedness: 4\nactors:\n  - {LEAD}}}", [(3, 14, "W207")]),
    "more boxes than vehicles": (
        "crowdedness: 0\nboxes:\n  - {category: car, xyxy: [459, 242, 565, 329]}",
        [(3, 14, "W207")],
    ),
    "beside the road": ("actors:\n  - {category: car, distance_m: 20, lane: -1}", [(4, 5, "W208")]),
    "an emergency": ("ego: {manoeuvres: [{type: stop, duration_s: 2}]}", [(3, 20, "W209")]),
    "after the end": (f"actors:\n  - {LEAD}, manoeuvres: [{{type: stop, start_s: 9}}]}}", [(4, 97, "W210")]),
    "a collision": (
        f"actors:\n  - {LEAD}, manoeuvres: [{{type: oncoming}}]}}",
        [(4, 5, "W211")],
    ),
    "an early end": (
        "actors:\n  - {category: car, trajectory: [[0, 20, 0], [1, 30, 0]]}",
        [(4, 33, "W212")],
    ),
}


@pytest.mark.parametrize("name", IMPLAUSIBLE)
def test_what_is_implausible_has_its_place_and_code(name: str) -> None:
    content, expected = IMPLAUSIBLE[name]
    try:
        problems = check_content((HEAD + content).encode(), file="case.yaml").warnings
        assert all(code.startswith("W") for *_, code in expected)
    except ScenarioError as error:
        problems = error.args
        assert all(code.startswith("E") for *_, code in expected)
    assert [(*problem.place, problem.message.split()[0]) for problem in problems] == expected


def test_every_documented_code_is_shown_by_an_example() -> None:
    assert {code for _, expected in IMPLAUSIBLE.values() for *_, code in expected} == CODES


def findings_of(manoeuvres: str, distance_m: int = 20) -> list[str]:
    content = f"actors:\n  - {LEAD.replace('20', str(distance_m))}, manoeuvres: [{manoeuvres}]}}\nduration_s: 9"
    try:
        return [problem.message for problem in check_content((HEAD + content).encode()).warnings]
    except ScenarioError as error:
        return [problem.message for problem in error.args]


def test_a_manoeuvre_is_not_blamed_for_the_acceleration_of_another() -> None:
    gentle = "{type: brake, start_s: 1, duration_s: 5, speed_mps: 8}"
    hard = "{type: cut_out, lane: 1, start_s: 2, duration_s: 1.6}"
    alone, together = findings_of(hard), findings_of(f"{gentle}, {hard}")
    assert findings_of(gentle) == []
    assert [message.split()[:2] for message in alone] == [["W209", "`cut_out`"]]
    assert [message.split()[:2] for message in together] == [["W209", "`cut_out`"]]


def test_manoeuvres_that_change_the_same_quantity_are_not_blamed_for_what_both_would_give() -> None:
    brake = "{type: brake, start_s: 0, duration_s: 4, speed_mps: 8}"
    accelerate = "{type: accelerate, start_s: 3, duration_s: 1.5, speed_mps: 20}"
    assert [message.split()[1] for message in findings_of(accelerate)] == ["`accelerate`"]
    assert [message.split()[0] for message in findings_of(f"{brake}, {accelerate}", 60)] == ["E106"]


def test_a_plausible_scene_has_no_findings() -> None:
    content = f"crowdedness: 1\nactors:\n  - {LEAD}, manoeuvres: [{{type: brake, speed_mps: 6}}]}}"
    assert check_content((HEAD + content).encode()).warnings == ()


def test_warnings_do_not_stop_a_scenario() -> None:
    content = HEAD + "boxes:\n  - {category: car, xyxy: [400, 100, 480, 160]}"
    assert len(parse_scenario(content.encode()).boxes) == 1


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high) | st.sampled_from([low, high, 0.0 if low <= 0 else low])


MANOEUVRES = st.fixed_dictionaries(
    {"type": st.sampled_from(["keep_lane", "cut_in", "brake", "stop", "overtake", "oncoming", "cross"])},
    optional={"start_s": numbers(0, 3600), "duration_s": numbers(0.2, 600)},
)
ACTORS = st.fixed_dictionaries(
    {"category": st.sampled_from(["car", "van", "truck", "bus"]), "distance_m": numbers(-200, 300)},
    optional={
        "lateral_m": numbers(-60, 60),
        "heading_deg": numbers(-180, 180),
        "speed_mps": numbers(0, 90),
        "size": st.fixed_dictionaries({"length_m": numbers(1, 30), "height_m": numbers(0.5, 6)}),
        "manoeuvres": st.lists(MANOEUVRES, max_size=3),
    },
)
TURN = st.fixed_dictionaries({"type": st.just("turn"), "angle_deg": numbers(-180, 180), "start_s": numbers(0, 9)})
SCENES = st.fixed_dictionaries(
    {"format": st.just(1), "name": st.just("a"), "actors": st.lists(ACTORS, max_size=5)},
    optional={
        "ego": st.fixed_dictionaries({"speed_mps": numbers(0, 90), "manoeuvres": st.lists(TURN, max_size=1)}),
        "camera": st.fixed_dictionaries({"pitch_deg": numbers(-15, 15), "height_m": numbers(0.5, 4)}),
        "duration_s": numbers(0.4, 3600),
    },
)


@given(SCENES)
def test_any_scene_of_actors_is_judged_and_told_without_a_fault(scene: dict) -> None:
    scenario = Scenario.model_validate(scene)
    for finding in findings(scenario):
        assert finding.code in CODES
        assert len(str(finding).splitlines()) == 1
    for time in (0.0, scenario.duration_s):
        layout = scenario.scene.layout(time)
        assert ((layout.xyxy >= 0) & (layout.xyxy <= 1)).all()
        assert (layout.xyxy[:, 2:] > layout.xyxy[:, :2]).all()
        for view in scenario.scene.views(time):
            assert 0 <= view.visible_fraction <= 1
