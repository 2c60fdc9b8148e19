"""Logs of places: CSV, CommonRoad and CARLA's recorder give the same scenario for the same drive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scenario import Scenario, parse_scenario, scenario_yaml
from drivesim.scenario.interchange.importing import import_file

TIMES = np.arange(0, 4.01, 0.1)
HEADING = 0.5
AHEAD, LEFT = np.array([np.cos(HEADING), np.sin(HEADING)]), np.array([-np.sin(HEADING), np.cos(HEADING)])
EGO = np.array([100.0, 50.0]) + 10 * TIMES[:, None] * AHEAD
# One lane to the left, from 20 m ahead, 2 m/s faster, and into the ego's lane between 1 and 3 s.
SHIFT = 3.5 * (1 + np.cos(np.pi * np.clip((TIMES - 1) / 2, 0, 1))) / 2
OTHER = np.array([100.0, 50.0]) + (20 + 12 * TIMES)[:, None] * AHEAD + SHIFT[:, None] * LEFT


def csv_log() -> str:
    rows = ["time,id,x,y,heading,length,width,category"]
    for time, ego, other in zip(TIMES, EGO, OTHER, strict=True):
        rows.append(f"{time:.1f},1,{ego[0]:.4f},{ego[1]:.4f},{np.rad2deg(HEADING):.4f},4.6,1.9,car")
        rows.append(f"{time:.1f},2,{other[0]:.4f},{other[1]:.4f},{np.rad2deg(HEADING):.4f},8,2.4,truck")
    return "\n".join(rows) + "\n"


def state(tag: str, place: np.ndarray, step: int) -> str:
    return (
        f"<{tag}><position><point><x>{place[0]:.4f}</x><y>{place[1]:.4f}</y></point></position><orientation><exact>"
        f"{HEADING}</exact></orientation><time><exact>{step}</exact></time><velocity><exact>10</exact></velocity></{tag}>"
    )


def commonroad_log() -> str:
    states = "".join(state("state", place, step) for step, place in enumerate(OTHER) if step)
    shape = "<shape><rectangle><length>8</length><width>2.4</width></rectangle></shape>"
    other = f'<dynamicObstacle id="2"><role>dynamic</role><type>truck</type>{shape}{state("initialState", OTHER[0], 0)}'
    walker = '<dynamicObstacle id="9"><type>pedestrian</type><shape><circle><radius>0.3</radius></circle></shape>'
    return (
        f'<commonRoad timeStepSize="0.1">{other}<trajectory>{states}</trajectory></dynamicObstacle>'
        f"{walker}</dynamicObstacle>"
        f'<planningProblem id="1">{state("initialState", EGO[0], 0)}</planningProblem></commonRoad>'
    )


def carla_log() -> str:
    lines = ["Version: 1", "Map: Town05", "Frame 1 at 0 seconds", " Create 1: vehicle.tesla.model3 (1) at (0, 0, 0)"]
    lines += [
        "  number_of_wheels = 4",
        "  role_name = hero",
        " Create 2: vehicle.carlamotors.carlacola (1) at (0, 0, 0)",
    ]
    lines += ["  role_name = autopilot", " Create 3: walker.pedestrian.0001 (2) at (0, 0, 0)"]
    for step, time in enumerate(TIMES):
        lines += [f"Frame {step + 2} at {time:.1f} seconds", " Positions: 3"]
        for name, place in ((1, EGO[step]), (2, OTHER[step]), (3, EGO[step] + 3)):
            where = f"({100 * place[0]:.2f}, {-100 * place[1]:.2f}, 30)"
            lines.append(f"  Id: {name} Location: {where} Rotation: (0, 0, {-np.rad2deg(HEADING):.4f})")
        if not step:
            lines += [" Bounding boxes: 2", "  Id: 1 Origin: (0, 0, 70) Extension: (230, 95, 75)"]
            lines += ["  Id: 2 Origin: (0, 0, 70) Extension: (400, 120, 175)"]
    return "\n".join(lines) + "\n"


LOGS = {"log.csv": (csv_log(), "1"), "log.xml": (commonroad_log(), None), "log.txt": (carla_log(), None)}


@pytest.fixture(params=LOGS)
def scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Scenario:
    content, ego = LOGS[request.param]
    (tmp_path / request.param).write_text(content)
    [made] = import_file(tmp_path / request.param, ego)
    assert parse_scenario(scenario_yaml(made.scenario).encode()).canonical() == made.scenario.canonical()
    return made.scenario


def test_every_log_gives_the_same_drive(scenario: Scenario) -> None:
    [actor] = scenario.actors
    assert (actor.id, actor.category) == ("2", "truck")
    assert actor.size_m[:2] == (8.0, 2.4)
    assert scenario.duration_s == pytest.approx(4.0, abs=0.1)
    times = TIMES[:-1]
    camera = scenario.ego_trajectory.at(times).position_m
    np.testing.assert_allclose(camera, np.stack([np.zeros(len(times)), 10 * times], -1), atol=0.05)
    places = scenario.scene.trajectories[0].at(times).position_m
    # The camera is 0.5 m ahead of the ego's middle.
    np.testing.assert_allclose(places, np.stack([-SHIFT[:-1], 19.5 + 12 * times], -1), atol=0.05)


def test_a_vehicle_that_is_not_seen_for_long_is_another_one_afterwards(tmp_path: Path) -> None:
    kept = [line for line in csv_log().splitlines() if not (line.split(",")[1] == "2" and "1.0" <= line[:3] <= "2.5")]
    (tmp_path / "log.csv").write_text("\n".join(kept))
    [made] = import_file(tmp_path / "log.csv", "1")
    spans = sorted((actor.trajectory[0][0], actor.trajectory[-1][0]) for actor in made.scenario.actors)
    assert spans == [(0.0, 0.9), (2.6, 4.0)]


def test_a_column_may_name_the_ego_and_the_direction_of_motion_is_the_heading(tmp_path: Path) -> None:
    rows = ["time,id,x,y,ego"]
    rows += [
        f"{time:.1f},{name},{10 * time:.2f},{y},{ego}" for time in TIMES for name, y, ego in (("a", 0, 1), ("b", 4, 0))
    ]
    (tmp_path / "log.csv").write_text("\n".join(rows))
    [made] = import_file(tmp_path / "log.csv")
    [actor] = made.scenario.actors
    assert actor.id == "b"
    assert actor.trajectory[0][2] == pytest.approx(4)


BAD = {
    "no columns": ("log.csv", "a,b\n1,2\n", None, "log.csv:1: expected the columns time, id, x, y"),
    "no number": ("log.csv", "time,id,x,y\n0,1,here,2\n", "1", "log.csv:2: `x`: expected a number, got here"),
    "too large": ("log.csv", "time,id,x,y\n0,1,1e300,2\n", "1", "log.csv:2: `x`: expected a number, got 1e300"),
    "more cells than columns": ("log.csv", "time,id,x,y\n0,1,2,3,0,4\n", "1", "log.csv:2: expected 4 cells, as line 1"),
    "an open quotation mark": ("log.csv", 'time,id,x,y\n0,1,2,"3\n1,1,2,3\n', "1", "log.csv:2: expected cells sep"),
    "a quotation mark over lines": ("log.csv", 'time,id,x,y\n0,1,2,"3\n1,1,2",3\n', "1", "log.csv:2: the quotation"),
    "two places at once": ("log.csv", "time,id,x,y\n0,1,0,0\n1,1,9,0\n1,1,50,0\n", "1", "1 is at two places at 1 s"),
    "no ego": ("log.csv", csv_log(), None, "expected --ego ID, or a column `ego` with 1 in it; there are 1, 2"),
    "another ego": ("log.csv", csv_log(), "7", "no vehicle '7'; there are 1, 2"),
    "a jump": ("log.csv", "time,id,x,y\n0,1,0,0\n0.1,1,90,0\n0.2,1,180,0\n", "1", "the ego makes no scenario: E103"),
    "no places": ("log.txt", "Frame 1 at 0 seconds\n Create 1: vehicle.a (1)\n", None, "dump it with show_all=True"),
    "an infinite place": (
        "log.txt",
        carla_log().replace("Location: (", "Location: (" + 400 * "9", 1),
        None,
        "of 1 is not a finite number",
    ),
    "no planning problem": (
        "log.xml",
        '<commonRoad timeStepSize="0.1"/>',
        None,
        "no planningProblem says where the ego",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_with_a_log_is_said_in_one_line(kind: str, tmp_path: Path) -> None:
    name, content, ego, message = BAD[kind]
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        list(import_file(tmp_path / name, ego))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_sizes_that_cannot_be_drawn_are_changed_with_a_note_and_the_ego_still_moves(tmp_path: Path) -> None:
    log = csv_log().replace(",4.6,1.9,car", ",4600,1.9,car").replace(",8,2.4,truck", ",-8,2.4,truck")
    (tmp_path / "log.csv").write_text(log)
    [made] = import_file(tmp_path / "log.csv", "1")
    assert made.scenario.ego_trajectory.at(np.array([4.0])).speed_mps == pytest.approx(10, abs=0.1)
    assert any("changed 1: a length of 4600 m is taken as 30 m" in str(note) for note in made.notes)
    assert any("changed 2: a length of -8 m is taken as 1 m" in str(note) for note in made.notes)
