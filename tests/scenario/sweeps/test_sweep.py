"""Sweeps: what the cases of a file are, and that they depend on the file and their number alone."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.errors import InputError, ScenarioError
from drivesim.scenario import Cases, Scenario, load_case, load_cases, parse_scenario, scenario_yaml
from drivesim.scenario.schema.strict import InvalidFieldsError
from drivesim.scenario.sweeps import expansion
from drivesim.scenario.sweeps.designs import pairwise

HEAD = "format: 1\nname: case\nboxes:\n  - {category: car, xyxy: [400, 260, 520, 340]}\n"
MIXED = """\
sweep:
  method: METHOD
  vary:
    time_of_day: {choice: [day, night, null]}
    boxes[0].xyxy[0]: {uniform: [380, 430], levels: 3}
    boxes[0].xyxy[2]: {equals: "boxes[0].xyxy[0] + 120"}
    boxes[0].category: {choice: [car, truck]}
    crowdedness: {integer: [1, 4]}
    sampling.guidance: {normal: [2, 0.5], within: [1, 3], levels: 2}
"""
METHODS = ("grid", "pairwise", "random", "latin_hypercube")


def cases_of(sweep: str) -> Cases:
    return Cases(parse_scenario((HEAD + sweep).encode()))


def mixed(method: str, more: str = "") -> Cases:
    count = "  count: 24\n" if method in ("random", "latin_hypercube") else ""
    return cases_of(MIXED.replace("METHOD", method) + count + more)


@pytest.mark.parametrize("method", METHODS)
def test_a_case_depends_on_the_file_and_its_number_alone(method: str) -> None:
    forwards, backwards = mixed(method), mixed(method)
    numbers = range(len(forwards))
    assert [forwards[n] for n in numbers] == [backwards[n] for n in reversed(numbers)][::-1]
    head, *lines = MIXED.replace("METHOD", method).split("    ")
    reordered = head + "".join("    " + line for line in reversed(lines))
    count = "  count: 24\n" if method in ("random", "latin_hypercube") else ""
    assert list(cases_of(reordered + count)) == list(forwards)


@pytest.mark.parametrize("method", METHODS)
def test_an_expanded_case_is_the_same_scenario(method: str) -> None:
    for case in mixed(method):
        alone = parse_scenario(scenario_yaml(case, "a comment").encode())
        assert alone == case
        assert alone.canonical() == case.canonical()
        assert case.sweep is None


def test_the_first_cases_of_each_kind_of_draw_are_these() -> None:
    """The draws are part of the format: other values here mean that every archive of a sweep has another identity."""
    random = cases_of("sweep: {method: random, count: 3, vary: {duration_s: {uniform: [1, 9]}}}")
    assert [case.duration_s for case in random] == [5.327972, 4.453383, 3.311415]
    cube = cases_of("sweep: {method: latin_hypercube, count: 3, vary: {duration_s: {normal: [5, 1]}}}")
    assert [case.duration_s for case in cube] == [5.269714, 5.732586, 4.461028]


def test_a_grid_is_every_combination_the_last_field_fastest() -> None:
    vary = "{seed: {integer: [0, 2]}, crowdedness: {choice: [5, null]}}"
    cases = cases_of(f"sweep: {{method: grid, vary: {vary}}}")
    assert [(case.crowdedness, case.seed) for case in cases] == list(product((5, None), (0, 1, 2)))
    assert [case.name for case in cases][:2] == ["case_0000", "case_0001"]


def test_a_latin_hypercube_has_one_case_in_each_part_of_each_range() -> None:
    cases = cases_of(
        "sweep: {method: latin_hypercube, count: 40, vary: {duration_s: {uniform: [2, 6]}, "
        "sampling.guidance: {uniform: [1, 3]}}}"
    )
    durations = sorted(int((case.duration_s - 2) / 4 * 40) for case in cases)
    assert durations == list(range(40))
    assert sorted(int((case.sampling.guidance - 1) / 2 * 40) for case in cases) == list(range(40))


def test_more_random_cases_begin_with_the_fewer() -> None:
    sweep = "sweep: {{method: random, count: {}, vary: {{duration_s: {{uniform: [1, 9]}}}}}}"
    few, many = ([case.duration_s for case in cases_of(sweep.format(count))] for count in (5, 50))
    assert many[:5] == few
    assert 4 < sum(many) / 50 < 6


@given(st.lists(st.integers(1, 6), min_size=1, max_size=7))
@settings(max_examples=60, deadline=None)
def test_pairwise_covers_every_pair_in_fewer_rows(levels: list[int]) -> None:
    rows = pairwise(levels)
    assert all(0 <= value < size for row in rows for value, size in zip(row, levels, strict=True))
    for first, second in combinations(range(len(levels)), 2):
        assert {(row[first], row[second]) for row in rows} == set(product(range(levels[first]), range(levels[second])))
    assert len(rows) <= 3 * max(a * b for a, b in combinations([*levels, 1], 2))


def test_pairwise_under_constraints_still_covers_what_can_occur() -> None:
    cases = mixed("pairwise", "  where: [\"not (time_of_day == 'night' and crowdedness > 2)\"]\n")
    pairs = {(case.time_of_day, case.crowdedness) for case in cases}
    assert pairs == set(product(("day", None, "night"), (1, 2, 3, 4))) - {("night", 3), ("night", 4)}
    assert {(c.boxes[0].category, c.crowdedness) for c in cases} == set(product(("car", "truck"), (1, 2, 3, 4)))


@pytest.mark.parametrize("method", METHODS)
def test_every_case_fulfils_the_constraints_and_formulas(method: str) -> None:
    where = "  where:\n    - crowdedness in [1, 4]\n    - boxes[0].xyxy[0] >= 400 or time_of_day != 'day'\n"
    cases = mixed(method, where)
    assert len(cases) > 3
    for case in cases:
        x0, _, x1, _ = case.boxes[0].xyxy
        assert x1 == x0 + 120
        assert case.crowdedness in (1, 4)
        assert x0 >= 400 or case.time_of_day != "day"


def test_constraints_that_leave_too_few_cases_are_an_error_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(HEAD + "sweep:\n  method: grid\n  vary: {seed: {integer: [0, 9]}}\n  where: [seed > 9]\n")
    with pytest.raises(ScenarioError, match=r":8:10: expected 1 cases that fulfil `where`, got 0 of all combinations"):
        len(load_cases(file))


def test_a_late_case_that_is_no_scenario_is_shown_at_the_field_that_leads_there(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(HEAD + "sweep:\n  method: grid\n  vary:\n    boxes[0].xyxy[0]: {uniform: [380, 530], levels: 40}\n")
    cases = load_cases(file)
    assert cases[0].boxes[0].xyxy[0] == 380
    with pytest.raises(
        ScenarioError, match=r":8:23: case 39 \(boxes\[0\].xyxy\[0\] = 530.0\): `xyxy`: expected x0 < x1"
    ):
        cases[39]


def test_load_case_wants_an_index_for_a_sweep_and_none_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(HEAD + "sweep: {method: grid, vary: {seed: {integer: [0, 9]}}}\n")
    assert load_case(file, 7).seed == 7
    for index, came in ((None, "none"), (10, "10")):
        with pytest.raises(InputError, match=f"a sweep of 10 cases; expected --index 0..9, got {came}"):
            load_case(file, index)
    file.write_text(HEAD)
    assert load_case(file).name == "case"
    with pytest.raises(InputError, match="has no `sweep`"):
        load_case(file, 0)


def test_a_sweep_changes_no_identity_of_what_it_is_written_into() -> None:
    plain = parse_scenario(HEAD.encode())
    assert cases_of("sweep: {method: grid, vary: {seed: {integer: [0, 9]}}}").scenario.canonical() == plain.canonical()
    assert list(Cases(plain)) == [plain]


def test_the_example_of_the_documentation_gives_what_it_says() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sweeps.md").read_text()
    text = page.split("```yaml\n")[1].split("```")[0]
    cases = Cases(parse_scenario(text.encode()))
    assert len(cases) == 100
    assert cases[7].name == "lead_sweep_0007"
    assert all(case.crowdedness <= 3 or case.time_of_day == "day" for case in cases)


MANY = {
    "random": {"count": 10_000, "vary": {"duration_s": {"uniform": [1, 9]}}},
    "latin_hypercube": {"count": 10_000, "vary": {"duration_s": {"uniform": [1, 9]}}},
    "pairwise": {"vary": {"seed": {"integer": [0, 99]}, "crowdedness": {"integer": [0, 8]}}},
}


@pytest.mark.parametrize("method", MANY)
def test_constraints_that_nothing_fulfils_are_given_up_after_a_bounded_number_of_candidates(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ["duration_s - seed" + " + 1 - 1" * 18 + " > 100"] * 20
    sweep = {"method": method, "where": where, **MANY[method]}
    cases = Cases(Scenario.model_validate({"format": 1, "name": "a", "sweep": sweep}))
    tried = []
    monkeypatch.setattr(expansion.Expression, "holds", lambda self, document: tried.append(1) or False)
    with pytest.raises(InvalidFieldsError, match=r"only 0 of the first \d+ candidates fulfil `where`"):
        len(cases)
    assert 100 < len(tried) < 5000


def test_candidates_that_fulfil_the_constraints_are_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "_MAX_WORK", 1000)
    sweep = "sweep: {method: random, count: 200, vary: {duration_s: {uniform: [1, 9]}}, where: [duration_s > 0]}\n"
    assert len(cases_of(sweep)) == 200
