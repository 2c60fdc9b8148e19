"""Small storyboards whose times are worked out by hand; what happens when is told by the timeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivesim.scenario import parse_scenario, scenario_yaml
from drivesim.scenario.interchange.openscenario import Imported, import_openscenario

FOLDER = Path(__file__).parent / "storyboards"
STEP_S = 0.02

# What happens: time in s, entity, and the beginning of what it does.
EXPECTED: dict[str, list[tuple[float, str, str]]] = {
    # 60 m at 4 m/s: below 20 m after 10 s; 0 at 15 s; 6 m ahead at 16.5 s.
    "rising_edge": [(10.0, "A", "changes to lane 2"), (16.5, "A", "changes to lane 1")],
    # From 12 m/s at 2 m/s² from 2 s on: 9 m/s after 1.5 s.
    "falling_edge": [(2.0, "Ego", "goes to 6 m/s"), (3.5, "A", "goes to 14 m/s")],
    # Above 9 m/s at 2 s, no longer at 11 s; each a second later.
    "both_edges": [
        (1.0, "Ego", "goes to 12"),
        (3.0, "A", "goes to 11"),
        (8.0, "Ego", "goes to 8"),
        (12.0, "A", "goes to 12"),
    ],
    "delay": [(3.5, "A", "goes to 14 m/s within 2 s")],
    # 40 m at 10 m/s: nearer than 10 m from 3 to 5 s.
    "at_one_time": [(3.0, "A", "goes to 14")],
    "either_group": [(3.0, "A", "goes to 14")],
    "act_stops": [(2.0, "A", "goes to 16 m/s within 6 s")],
    "end_after_event": [(1.0, "A", "goes to 14")],
    "group_three_times": [(time, "A", f"goes to {12 if time % 2 else 10}") for time in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)],
    "event_twice": [(2.0, "A", "goes to 12"), (3.5, "A", "goes to 14")],
    "override": [(1.0, "A", "goes to 20"), (5.0, "A", "goes to 5 m/s within 4 s")],
    "skip": [(1.0, "A", "goes to 14"), (5.0, "A", "goes to 8")],
    "same_domain": [(1.0, "A", "goes to 20"), (2.0, "A", "changes to lane 0"), (3.0, "A", "goes to 6")],
    "scopes": [(2.0, "A", "goes to 15"), (8.0, "B", "goes to 5")],
    "chain": [(3.0, "A", "goes to 20 m/s within 4 s")],
    "qualified": [(2.0, "A", "goes to 14"), (9.0, "B", "goes to 6"), (13.0, "Ego", "goes to 5")],
    # From 20 m/s at 1 m/s²: 12 m/s after 8 s.
    "relative_now_and_always": [
        (0.0, "A", "goes to 4 m/s"),
        (8.0, "B", "goes to 12.0"),
        (8.0, "C", "takes the speed of A"),
    ],
    "teleport": [(3.0, "A", "TeleportAction")],
    "appears": [(2.0, "A", "appears"), (2.0, "A", "has 8 m/s"), (5.0, "A", "is removed")],
    # 82 m at 10 m/s: 4 s are left after 4.2 s.
    "time_to_collision": [(4.2, "Ego", "goes to 10")],
    "polyline": [(0.0, "A", "follows a trajectory of 3 vertices"), (6.0, "A", "goes to 5")],
    # Jerk of 2 m/s³ for 1 s, 2 m/s² for 1 s, jerk of -2 m/s³ for 1 s: 1 + 2 + 1 m/s.
    "speed_profile": [(2.0, "Ego", "follows a profile of 1 speed within 3 s"), (5.0, "A", "goes to 14")],
    # From 3.5 m to the left of the ego to 1.9 + 2 m, which it approaches in about a second.
    "beside": [(2.0, "A", "keeps its lateral distance from Ego"), (3.04, "A", "goes to 14")],
    "variable": [(3.0, "phase", "is 2"), (3.0, "A", "goes to 14")],
    # A is 40 m ahead at 10 m/s less: nearer than 10 m from 3 s on; B much later, when the event is over.
    "triggering_entity": [(3.0, "A", "goes to 5")],
}


def imported(name: str) -> Imported:
    path = FOLDER / f"{name}.xosc"
    result = import_openscenario(path.read_bytes(), path.name)
    # What is imported is valid as a file too, and says the same.
    assert parse_scenario(scenario_yaml(result.scenario).encode()).canonical() == result.scenario.canonical()
    return result


def test_every_file_is_expected() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in FOLDER.glob("*.xosc"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_everything_happens_at_its_time(name: str) -> None:
    told = [text.removeprefix("at ").split(" s ", 1) for _, _, text in imported(name).timeline]
    happened = [(float(time), *text.split(" ", 1)) for time, text in told]
    assert [who for _, who, _ in happened] == [who for _, who, _ in EXPECTED[name]], happened
    for (time, _, text), (expected, _, beginning) in zip(happened, EXPECTED[name], strict=True):
        assert time == pytest.approx(expected, abs=1.5 * STEP_S)
        assert text.startswith(beginning)


def speeds(result: Imported, who: str, *times: float) -> np.ndarray:
    scene = result.scenario.scene
    index = [actor.id for actor in result.scenario.actors].index(who)
    return scene.trajectories[index].at(np.array(times)).speed_mps


@pytest.mark.parametrize(
    ("name", "who", "times", "expected"),
    [
        ("override", "A", (3.0, 5.0, 7.0, 12.0), (12.5, 15.0, 10.0, 5.0)),
        ("act_stops", "A", (1.0, 3.0, 8.0, 15.0), (10.0, 11.0, 12.0, 12.0)),
        ("skip", "A", (3.0, 5.0, 6.5, 10.0), (12.0, 14.0, 11.0, 8.0)),
        ("same_domain", "A", (3.0, 10.0), (12.0, 6.0)),
        ("group_three_times", "A", (2.0, 3.0, 4.0, 5.0, 6.0, 12.0), (12.0, 10.0, 12.0, 10.0, 12.0, 10.0)),
        ("relative_now_and_always", "B", (6.0, 15.0), (10.0, 12.0)),
        ("relative_now_and_always", "C", (6.0, 12.0, 18.0), (20.0, 8.0, 4.0)),
        ("polyline", "A", (1.0, 3.0, 15.0), (10.0, 12.0, 5.0)),
    ],
)
def test_speeds_are_those_of_the_file(
    name: str, who: str, times: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(speeds(imported(name), who, *times), expected, atol=0.3)


def test_a_lateral_distance_is_kept_between_the_sides_of_the_boxes() -> None:
    [actor] = imported("beside").scenario.actors
    lateral = np.array([row[2] for row in actor.trajectory])
    assert (lateral[0], lateral.max()) == (3.5, lateral[-1])
    assert lateral[-1] == pytest.approx(2 + 1.9, abs=0.01)


def test_what_never_comes_is_noted() -> None:
    for name, event in (("at_one_time", "never"), ("act_stops", "late")):
        notes = [str(note) for note in imported(name).notes]
        assert f"dropped event {event}: what it waits for does not come about" in notes


def test_the_end_is_that_of_the_storyboard() -> None:
    assert imported("end_after_event").scenario.duration_s == pytest.approx(7.0, abs=2 * STEP_S)
    assert imported("delay").scenario.duration_s == pytest.approx(20.0, abs=STEP_S)


def test_a_vehicle_that_is_put_elsewhere_is_another_actor() -> None:
    result = imported("teleport")
    first, second = result.scenario.actors
    assert (first.id, second.id) == ("A", "A_2")
    assert (first.trajectory[-1][0], second.trajectory[0][0]) == (2.98, 3.0)
    assert second.trajectory[0][1] - first.trajectory[0][1] == pytest.approx(200 - 90, abs=0.01)
    why = "changed TeleportAction of A: it becomes another actor at 3 s, because vehicles cannot jump"
    assert why in [str(note) for note in result.notes]


def test_a_vehicle_is_there_from_where_it_appears_until_it_is_removed() -> None:
    [actor] = imported("appears").scenario.actors
    assert (actor.trajectory[0][0], actor.trajectory[-1][0]) == (2.0, 5.0)


def test_the_file_and_the_scenario_differ_by_no_more_than_five_centimetres() -> None:
    """A linear ramp by hand: 10 m/s, from 1 s on 1.25 m/s² for 4 s, then from 5 s on -2.5 m/s² for 4 s."""
    [actor] = imported("override").scenario.actors
    times = np.linspace(0, 20, 401)
    up, down = np.clip(times - 1, 0, 4), np.clip(times - 5, 0, 4)
    after = np.maximum(times - 9, 0)
    way = 10 * np.minimum(times, 1) + 10 * up + 0.625 * up**2 + 15 * down - 1.25 * down**2 + 5 * after
    place = imported("override").scenario.scene.trajectories[0].at(times).position_m[:, 1]
    np.testing.assert_allclose(place - place[0], way, atol=0.05)
    assert actor.trajectory[0][1] == pytest.approx(90 + 1.4 - 2.3 - (50 + 1.4 + 2.3 - 1.8))


@example(gap=65, closing=3, asked=5, edge="none")  # at the end of the storyboard
@given(st.integers(30, 90), st.integers(3, 8), st.integers(5, 25), st.sampled_from(["none", "rising", "falling"]))
@settings(max_examples=12, deadline=None)
def test_an_edge_comes_when_the_value_passes_and_not_before(gap: int, closing: int, asked: int, edge: str) -> None:
    """A is `gap` behind and faster: the distance falls below `asked`, and is above it again when A has passed."""
    content = (FOLDER / "rising_edge.xosc").read_text()
    content = content.replace('s="140"', f's="{200 - gap}"').replace('value="16"', f'value="{12 + closing}"')
    content = content.replace('value="20" freespace', f'value="{asked}" freespace')
    content = content.replace('conditionEdge="rising"', f'conditionEdge="{edge}"', 1)
    result = import_openscenario(content.encode(), "a.xosc")
    told = [text for _, _, text in result.timeline if "(event near" in text]
    expected = (gap + asked) / closing if edge == "falling" else (gap - asked) / closing
    tolerance = 1.5 * STEP_S
    if expected > 20 + tolerance:
        assert told == []
    elif told or expected < 20 - tolerance:  # what comes with the end of the storyboard may be told or not
        assert float(told[0].split()[1]) == pytest.approx(expected, abs=tolerance)
