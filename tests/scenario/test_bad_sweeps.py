"""A corpus of wrong sweeps: the place and the message of each."""

from __future__ import annotations

import pytest

from drivesim.errors import ScenarioError
from drivesim.scenario import parse_scenario

HEAD = "format: 1\nname: case\nboxes:\n  - {category: car, xyxy: [400, 260, 520, 340]}\nsweep:\n"
GRID = "  method: grid\n  vary:\n"
RANDOM = "  method: random\n  count: 5\n  vary:\n"
SEEDS = "    seed: {integer: [0, 9]}\n"

# What follows HEAD, and the problems as (line, column, beginning of the message).
BAD_SWEEPS = {
    "no mapping": ("  grid", [(6, 3, "`sweep`: expected a mapping, got 'grid'")]),
    "no method": ("  vary: {seed: {integer: [0, 9]}}", [(6, 3, "`method` is missing")]),
    "nothing varies": ("  method: grid\n  vary: {}", [(7, 9, "`vary`: expected at least 1 of them, got 0")]),
    "misspelt key": (f"  methd: grid\n{GRID}{SEEDS}", [(6, 3, "unknown key `methd`; did you mean `method`?")]),
    "misspelt method": (
        "  method: gird\n  vary: {seed: {integer: [0, 9]}}",
        [(6, 11, "`method`: expected 'grid', 'random', 'latin_hypercube' or 'pairwise', got 'gird'; did you me")],
    ),
    "misspelt distribution": (
        f"{GRID}    seed: {{intger: [0, 9]}}",
        [(8, 12, "unknown key `intger`; did you mean `integer`?")],
    ),
    "two distributions": (
        f"{GRID}    seed: {{integer: [0, 9], choice: [1]}}",
        [(8, 11, "expected exactly one of `choice`, `uniform`, `normal`, `integer`, `equals`, got `choice` and `int")],
    ),
    "misspelt field": (f"{GRID}    sede: {{integer: [0, 9]}}", [(8, 5, "unknown key `sede`; did you mean `seed`?")]),
    "misspelt field inside": (
        f"{GRID}    boxes[0].xyxx: {{choice: [[1, 2, 3, 4]]}}",
        [(8, 5, "unknown key `xyxx`; did you mean `xyxy`?")],
    ),
    "no such box": (
        f"{RANDOM}    boxes[1].xyxy[0]: {{uniform: [1, 2]}}",
        [(9, 5, "`boxes[1].xyxy[0]`: there is no `[1]`, only 1 of them")],
    ),
    "no such list": (
        f"{RANDOM}    actors[0].speed_mps: {{uniform: [1, 2]}}",
        [(9, 5, "`actors[0].speed_mps`: there is no `[0]` in ")],
    ),
    "into a number": (f"{RANDOM}    seed.x: {{uniform: [1, 2]}}", [(9, 5, "`seed.x`: there is no `x` in 0")]),
    "no path": (f"{GRID}    seed seed: {{integer: [0, 9]}}", [(8, 5, "expected a field such as `time_of_day`")]),
    "a path that counts from the end": (f"{GRID}    boxes[-1]: {{choice: [1]}}", [(8, 5, "expected a field such as")]),
    "the name": (f"{GRID}    name: {{choice: [a, b]}}", [(8, 5, "`name` is the same in every case and cannot vary")]),
    "a sweep of sweeps": (f"{GRID}    sweep.count: {{integer: [1, 2]}}", [(8, 5, "`sweep` is the same in every case")]),
    "one field twice": (
        f"{GRID}{SEEDS}    'seed ': {{integer: [0, 9]}}",
        [(9, 5, "`seed ` and `seed` overlap; vary one of them")],
    ),
    "a field and its part": (
        f"{RANDOM}    boxes[0]: {{choice: [{{category: bus, xyxy: [1, 2, 3, 4]}}]}}\n"
        "    boxes[0].category: {choice: [car]}",
        [(10, 5, "`boxes[0].category` and `boxes[0]` overlap; vary one of them")],
    ),
    "a value out of range": (
        f"{RANDOM}    duration_s: {{uniform: [0.1, 5]}}",
        [(9, 17, "`duration_s`: expected at least 0.4, got 0.1")],
    ),
    "a choice out of range": (
        f"{GRID}    time_of_day:\n      choice: [day, dusk]",
        [(9, 7, "case 1 (time_of_day = 'dusk'): `time_of_day`: 'dusk' is not supported yet")],
    ),
    "a float for a count": (
        f"{RANDOM}    crowdedness: {{uniform: [0, 5]}}",
        [(9, 18, "`crowdedness`: expected a whole number, got 0.0")],
    ),
    "low above high": (
        f"{RANDOM}    duration_s: {{uniform: [5, 2]}}",
        [(9, 27, "`uniform`: expected low < high, got low = 5 and high = 2")],
    ),
    "three bounds": (
        f"{RANDOM}    duration_s: {{uniform: [1, 2, 3]}}",
        [(9, 27, "`uniform`: expected at most 2 of them, got 3")],
    ),
    "no deviation": (
        f"{RANDOM}    duration_s: {{normal: [4, 0]}}",
        [(9, 26, "`normal`: expected a standard deviation above 0, got 0")],
    ),
    "truncated to nothing": (
        f"{RANDOM}    duration_s: {{normal: [4, 1], within: [40, 50]}}",
        [(9, 42, "`within`: nearly nothing of the normal distribution lies there")],
    ),
    "within alone": (
        f"{RANDOM}    duration_s: {{uniform: [1, 2], within: [1, 2]}}",
        [(9, 43, "`within` truncates `normal`, which is not given")],
    ),
    "levels of a choice": (
        f"{GRID}    seed: {{choice: [1], levels: 3}}",
        [(8, 33, "`levels` means nothing to `choice`")],
    ),
    "no levels": (
        f"{GRID}    duration_s: {{uniform: [1, 2]}}",
        [(8, 17, "`duration_s`: `grid` needs `levels`, the number of values to take")],
    ),
    "no count": ("  method: random\n  vary:\n" + SEEDS, [(6, 11, "`random` needs `count`")]),
    "a count of a grid": (
        f"  count: 3\n{GRID}{SEEDS}",
        [(6, 10, "`count`: `grid` has as many cases as its values give; remove it")],
    ),
    "too many cases": (
        "  method: random\n  count: 10001\n  vary:\n" + SEEDS,
        [(7, 10, "`count`: expected at most 10000, got 10001")],
    ),
    "too large a grid": (
        f"{GRID}    seed: {{integer: [1, 10001]}}",
        [(8, 5, "expected at most 10000 combinations, got 10001")],
    ),
    "a grid of 10^24 cases": (
        GRID + "".join(f"    actors[{n}].speed_mps: {{integer: [1, 1000]}}\n" for n in range(8)),
        [(8, 5, "expected at most 10000 combinations, got 1.0e+24")],
    ),
    "too many pairs": (
        "  method: pairwise\n  vary:\n    seed: {integer: [1, 1000]}\n    crowdedness: {integer: [0, 20]}",
        [(8, 5, "expected at most 10000 pairs of values, got 21000")],
    ),
    "too many fields": (
        RANDOM + "".join(f"    boxes[{n}].xyxy[0]: {{uniform: [1, 2]}}\n" for n in range(33)),
        [(9, 5, "`vary`: expected at most 32 of them, got 33")],
    ),
    "a constraint that is none": (
        f"{GRID}{SEEDS}  where: [seed = 3]",
        [(9, 11, "expected an expression such as `duration_s <= 8`, got 'seed = 3'")],
    ),
    "a constraint that would run code": (
        f"{GRID}{SEEDS}  where:\n    - __import__('os').abort()",
        [(10, 7, "`__import__('os').abort()` is not part of the expression language")],
    ),
    "a constraint that is a power": (f"{GRID}{SEEDS}  where: [9**9**9 > 1]", [(9, 11, "`9 ** 9 ** 9` is not part of")]),
    "a constraint without a field": (
        f"{GRID}{SEEDS}  where: [sede > 3]",
        [(9, 11, "`sede > 3`: there is no `sede` in the scenario")],
    ),
    "a constraint on text": (
        f"{GRID}{SEEDS}  where: [coords > 3]",
        [(9, 11, "`coords > 3`: expected a number, got 'pixels'")],
    ),
    "a constraint that is a number": (f"{GRID}{SEEDS}  where: [seed]", [(9, 11, "`seed`: expected a comparison")]),
    "too many constraints": (
        f"{GRID}{SEEDS}  where: [{'seed > 1, ' * 33}]",
        [(9, 10, "`where`: expected at most 32 of them, got 33")],
    ),
    "a formula that is none": (
        f"{GRID}    seed: {{equals: 1 +}}",
        [(8, 20, "`equals`: expected an expression such as")],
    ),
    "a formula of a formula": (
        f"{GRID}    seed: {{equals: crowdedness}}\n    crowdedness: {{equals: '3'}}",
        [(8, 20, "`equals` uses `crowdedness`, which is a formula itself")],
    ),
    "a formula by zero": (
        f"{GRID}    seed: {{equals: crowdedness // 0}}\n    crowdedness: {{choice: [3]}}",
        [(8, 20, "`seed`: cannot be computed: integer division or modulo by zero")],
    ),
    "a case whose fields do not fit": (
        f"{GRID}    boxes[0].xyxy[0]: {{choice: [510, 530]}}",
        [(8, 23, "case 1 (boxes[0].xyxy[0] = 530): `xyxy`: expected x0 < x1, got x0 = 530 and x1 = 520")],
    ),
    "a picture that is not there": (
        f"{GRID}    first_frame: {{choice: [no.png]}}",
        [(8, 18, "case 0 (first_frame = ")],
    ),
    "not a finite bound": (f"{RANDOM}    duration_s: {{uniform: [1, .inf]}}", [(9, 31, "expected a finite number")]),
}


@pytest.mark.parametrize("name", BAD_SWEEPS)
def test_a_bad_sweep_gives_its_places_and_messages(name: str) -> None:
    content, expected = BAD_SWEEPS[name]
    with pytest.raises(ScenarioError) as caught:
        parse_scenario((HEAD + content).encode(), file="case.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == len(expected), lines
    for line, (row, column, message) in zip(lines, expected, strict=True):
        assert line.startswith(f"case.yaml:{row}:{column}: {message}")
    assert all("^" in problem.excerpt for problem in caught.value.args)


def test_a_name_must_leave_room_for_the_number_of_the_case() -> None:
    content = f"format: 1\nname: {'a' * 60}\nsweep: {{method: grid, vary: {{seed: {{integer: [0, 9]}}}}}}"
    with pytest.raises(ScenarioError, match=r"2:7: `name`: expected at most 59 characters in a sweep, got 60"):
        parse_scenario(content.encode())
