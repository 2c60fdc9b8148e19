"""The scenario on screen: every change gives a YAML that the schema has checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scenario import parse_scenario
from ui.document import Desk
from ui.pictures import Pictures

LIBRARY = Path(__file__).parents[2] / "scenarios"
CAR = {"category": "car", "xyxy": [400, 250, 520, 340]}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Pictures(tmp_path / "pictures"))


def test_every_shipped_scenario_opens(desk: Desk) -> None:
    for path in sorted(LIBRARY.glob("*.yaml")):
        document = desk.open_file(path)
        assert document.problems == ()
        assert document.scenario is not None


def test_drawn_boxes_are_the_boxes_of_the_scenario(desk: Desk) -> None:
    document = desk.with_boxes(desk.blank().text, json.dumps([CAR]))
    assert [box.xyxy for box in parse_scenario(document.text.encode()).boxes] == [(400, 250, 520, 340)]
    assert "[400, 250, 520, 340]" in document.text


def test_boxes_are_put_in_order_and_into_the_frame(desk: Desk) -> None:
    document = desk.with_boxes(desk.blank().text, json.dumps([{**CAR, "xyxy": [1100, 600, -5, 12.26]}]))
    assert document.scenario.boxes[0].xyxy == (0, 12.3, 1024, 512)


@pytest.mark.parametrize(
    "drawn",
    [
        "null",
        "{}",
        "[1]",
        "[[[[",
        "[" * 100_000,
        json.dumps([{"category": "tram", "xyxy": [0, 0, 1, 1]}]),
        json.dumps([{"category": ["car"], "xyxy": [0, 0, 1, 1]}]),
        json.dumps([{"category": "car", "xyxy": [0, 0, 1]}]),
        json.dumps([{"category": "car", "xyxy": [0, 0, 1, True]}]),
        '[{"category": "car", "xyxy": [0, 0, 1, NaN]}]',
        '[{"category": "car", "xyxy": [0, 0, 1, 1e999]}]',
        json.dumps([{"category": "car", "xyxy": "0011"}]),
        json.dumps([CAR] * 513),
    ],
)
def test_what_is_no_list_of_boxes_is_refused(desk: Desk, drawn: str) -> None:
    with pytest.raises(InputError):
        desk.with_boxes(desk.blank().text, drawn)


def test_the_table_of_actors_changes_what_it_shows_and_nothing_else(desk: Desk) -> None:
    before = desk.open_file(LIBRARY / "cut_in_day.yaml")
    rows: list[dict] = [{} for _ in before.scenario.actors]
    rows[0] = {"distance_m": 14.5, "lane": -1, "category": "van"}
    after = desk.with_actors(before.text, json.dumps(rows)).scenario
    assert (after.actors[0].distance_m, after.actors[0].category) == (14.5, "van")
    assert after.actors[0].manoeuvres == before.scenario.actors[0].manoeuvres
    assert after.actors[1:] == before.scenario.actors[1:]


def test_a_wrong_number_in_the_table_is_a_problem_at_its_line(desk: Desk) -> None:
    before = desk.open_file(LIBRARY / "cut_in_day.yaml")
    rows: list[dict] = [{} for _ in before.scenario.actors]
    rows[3] = {"speed_mps": 999}
    document = desk.with_actors(before.text, json.dumps(rows))
    assert document.scenario is None
    assert "999" in document.text.splitlines()[document.problems[0].line - 1]


@pytest.mark.parametrize("rows", ["[]", '[{"lane": {}}, {}, {}, {}]', "[1, 2, 3, 4]", "nonsense"])
def test_a_table_of_other_actors_is_refused(desk: Desk, rows: str) -> None:
    with pytest.raises(InputError):
        desk.with_actors(desk.open_file(LIBRARY / "cut_in_day.yaml").text, rows)


def test_a_setting_of_none_is_left_to_the_model(desk: Desk) -> None:
    document = desk.with_settings(desk.blank().text, {"time_of_day": None, "crowdedness": 5}, guidance=7.5)
    assert (document.scenario.time_of_day, document.scenario.crowdedness) == (None, 5)
    assert document.scenario.sampling.guidance == 7.5


def test_only_settings_of_the_page_can_be_set(desk: Desk) -> None:
    with pytest.raises(InputError, match="no such setting"):
        desk.with_settings(desk.blank().text, {"first_frame": "x"})


def test_a_broken_scenario_is_not_drawn_over(desk: Desk) -> None:
    broken = desk.blank().text.replace("seed: 0", "sede: 0")
    assert desk.read(broken).problems[0].line == 7
    with pytest.raises(InputError, match="line 7"):
        desk.with_boxes(broken, json.dumps([CAR]))


@pytest.mark.parametrize(
    "picture", ["/etc/passwd", "../pictures/x.png", "photo-0123456789abcdef.png", "/proc/self/environ", "http://[::1]/"]
)
def test_a_scenario_names_no_file_of_this_machine(desk: Desk, picture: str) -> None:
    document = desk.read(f"format: 1\nname: x\nfirst_frame: {picture}\n")
    (problem,) = document.problems
    assert "expected the name of a picture that was uploaded here" in problem.message
    assert problem.line == 3


def test_a_sweep_is_refused_before_its_pictures_are_looked_for(desk: Desk) -> None:
    text = "format: 1\nname: x\nsweep: {vary: {first_frame: [/etc/passwd, /etc/hosts]}}\n"
    (problem,) = desk.read(text).problems
    assert "drivesim expand" in problem.message


def test_a_branch_starts_from_its_frame_under_other_conditions(desk: Desk) -> None:
    name = desk.pictures.add_frame(np.full((512, 1024, 3), 120, np.uint8))
    scenario = desk.open_file(LIBRARY / "dense_day_traffic.yaml").scenario
    branch = desk.branch(scenario, name, "night").scenario
    assert branch.name == "dense_day_traffic_branch"
    assert (branch.time_of_day, branch.boxes, branch.seed) == ("night", None, scenario.seed)
    assert Path(branch.first_frame).name == name
    assert f"first_frame: {name}" in desk.portable(branch)
    assert desk.branch(branch, name, None).scenario.name == "dense_day_traffic_branch"
