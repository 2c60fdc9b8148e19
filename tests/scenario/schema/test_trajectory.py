"""Trajectories of actors and the ego in scenario files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from drivesim.engine.conditions import keyframe_conditions
from drivesim.errors import ScenarioError
from drivesim.scenario import Scenario, check_scenario, load_scenario, parse_scenario, scenario_yaml
from drivesim.scenario.checks.plausibility import findings

HEAD = "format: 1\nname: case\n"
AHEAD = "actors: [{category: car, trajectory: [[0, 20, 0], [1, 32, 0], [2, 44, 1.75], [3, 56, 3.5], [4, 68, 3.5]]}]\n"


def codes(text: str) -> list[str]:
    scenario = Scenario.model_validate(_plain(text))
    return [finding.code for finding in findings(scenario)]


def _plain(text: str) -> dict:
    from drivesim.scenario.text.yaml_document import read_document

    return read_document((HEAD + text).encode(), "case.yaml").value


def test_a_trajectory_steers_its_actor_in_every_frame() -> None:
    case = parse_scenario((HEAD + AHEAD).encode())
    assert case.scene.steered
    # The distance is to the near end: the middle of a car lies 2.3 m beyond.
    np.testing.assert_allclose(
        case.scene.trajectories[0].at(np.array([0.0, 4.0])).position_m, [[0, 22.3], [-3.5, 70.3]]
    )
    boxes = keyframe_conditions(case, [0.0, 2.0, 4.0]).boxes
    assert (boxes.category >= 0).sum() == 3


def test_the_ego_follows_its_trajectory_and_others_take_its_first_speed() -> None:
    rows = ", ".join(f"[{t}, {12 * t}, {0.01 * t}]" for t in range(6))
    case = parse_scenario(
        f"{HEAD}ego: {{trajectory: [{rows}]}}\nactors: [{{category: car, distance_m: 20}}]\n".encode()
    )
    motion = keyframe_conditions(case, [0.0, 1.0, 4.0]).ego_motion
    assert motion is not None
    np.testing.assert_allclose(case.ego_trajectory.at(np.array(3.0)).position_m, [-0.03, 36])
    assert case.scene.trajectories[0].at(np.array(1.0)).speed_mps == pytest.approx(12, abs=0.01)


def test_a_vehicle_exists_from_its_first_row_to_its_last() -> None:
    text = "actors: [{id: a, category: car, trajectory: [[1, 20, 0], [2, 30, 0]]}]\n"
    case = parse_scenario((HEAD + text).encode())
    seen = [len(case.scene.views(time)) for time in (0.0, 0.99, 1.0, 1.5, 2.0, 2.01)]
    assert seen == [0, 0, 1, 1, 1, 0]
    assert "W212" in codes(text)


def test_a_file_beside_the_scenario_says_the_same_as_rows_in_it(tmp_path: Path) -> None:
    rows = [(0, 20, 0), (1, 32, 0.5), (2, 44, 1.75)]
    body = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "a.csv").write_text(f"# a log\ntime_s,distance_m,lateral_m\n{body}\n")
    file = tmp_path / "case.yaml"
    file.write_text(f"{HEAD}actors: [{{category: car, trajectory: a.csv}}]\n")
    inline = parse_scenario(f"{HEAD}actors: [{{category: car, trajectory: {[*map(list, rows)]}}}]\n".encode())
    assert load_scenario(file) == inline
    assert parse_scenario(scenario_yaml(load_scenario(file)).encode()).canonical() == inline.canonical()


def test_the_canonical_form_is_a_scenario_again() -> None:
    case = parse_scenario((HEAD + AHEAD + "ego: {trajectory: [[0, 0, 0], [4, 40, 0]]}\n").encode())
    again = Scenario.model_validate_json(json.dumps({**case.canonical(), "name": "again"}))
    assert again.canonical() == case.canonical()


def test_without_a_trajectory_nothing_in_the_canonical_form_tells_of_one() -> None:
    case = parse_scenario((HEAD + "ego: {speed_mps: 9}\nactors: [{category: car, distance_m: 20}]\n").encode())
    assert "trajectory" not in case.canonical()["ego"]
    assert "trajectory" not in case.canonical()["actors"][0]


BAD = {
    "backwards in time": ("[[0, 20, 0], [0, 21, 0]]", "case.yaml:3:46: `trajectory`: expected", "`time_s` of more"),
    "two numbers": ("[[0, 20]]", "3:", "expected 3 or 4 numbers"),
    "a text": ("[[0, 20, left]]", "3:", "`lateral_m`: expected a number"),
    "no rows": ("[]", "3:", "expected 1 to 20000 rows, got 0"),
    "speed too": ("[[0, 20, 0]], speed_mps: 4", "3:", "`speed_mps`: `trajectory` already says it"),
    "no such file": ("gone.csv", "3:", "gone.csv: no such file"),
    "a jump": ("[[0, 20, 0], [0.1, 60, 0]]", "3:", "E103 car_0 goes 40.0 m in 0.1 s, 400 m/s"),
    "hard": ("[[0, 20, 0], [1, 30, 0], [2, 60, 0]]", "3:", "E104 car_0 takes"),
    "sideways": ("[[0, 20, 0, 90], [1, 30, 0, 90], [2, 40, 0, 90]]", "3:", "E105 car_0 would slide sideways"),
    "through the ego": ("[[0, 20, 0], [1, -1, 0], [2, -21, 0]]", "", ""),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_wrong_trajectory_is_named_with_its_place(kind: str) -> None:
    rows, _, message = BAD[kind]
    text = f"actors: [{{category: car, trajectory: {rows}}}]\n"
    if kind == "through the ego":
        assert "W211" in codes(text)
        return
    with pytest.raises(ScenarioError) as caught:
        parse_scenario((HEAD + text).encode(), "case.yaml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("case.yaml:3:")


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("0,20,0\n1,x,0\n", 2, "`distance_m`: expected a number, got 'x'"),
        ("t,x,y\n0,1,2\n", 1, "expected the columns time_s"),
        ("0,20,0\n0,21,0\n", 2, "expected a `time_s` of more than 0"),
        ("0,20,nan\n", 1, "`lateral_m`: expected a number"),
    ],
)
def test_a_wrong_line_of_a_file_is_named(tmp_path: Path, content: str, line: int, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    (tmp_path / "case.yaml").write_text(f"{HEAD}actors: [{{category: car, trajectory: a.csv}}]\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "case.yaml")
    assert f"a.csv:{line}: {message}" in str(caught.value)


def test_the_ego_begins_where_distances_are_counted_from() -> None:
    with pytest.raises(ScenarioError, match="expected the ego to begin at 0 s with a distance of 0 m"):
        parse_scenario(f"{HEAD}ego: {{trajectory: [[0, 3, 0], [1, 9, 0]]}}\n".encode())


def test_an_early_end_of_the_ego_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(f"{HEAD}ego: {{trajectory: [[0, 0, 0], [1, 9, 0]]}}\n")
    [warning] = check_scenario(tmp_path / "case.yaml").warnings
    assert "W212 the trajectory of the ego ends at 1 s" in warning.message
