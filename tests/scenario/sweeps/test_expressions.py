"""The language of constraints and formulas: what it computes, and that it is nothing more."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.scenario.sweeps.expressions import MAX_CHARACTERS, Expression, ExpressionError, parse_path, path_text

DOCUMENT = {"seed": 3, "time_of_day": "night", "ego": None, "boxes": ({"xyxy": (1.0, 2.0, 30.5, 4.0)},)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seed", 3),
        ("boxes[0].xyxy[2] - boxes[0].xyxy[0]", 29.5),
        ("-seed + 2 * 5 // 3 % 2 - 1 / 2", -2.5),
        ("1 < seed <= 3 and not time_of_day == 'day'", True),
        ("time_of_day in ['day', 'dusk'] or ego == null", True),
        ("seed not in [3, 4]", False),
        ("min(seed, 2) + max(1, 2, seed) + abs(-4)", 9),
        ("10 if time_of_day == 'night' else 20", 10),
        ("true != false", True),
    ],
)
def test_an_expression_has_the_value_that_it_reads_as(text: str, value: object) -> None:
    assert Expression.parse(text).value(DOCUMENT) == value


def test_the_fields_of_an_expression_are_known() -> None:
    fields = Expression.parse("boxes[0].xyxy[2] > seed or true").fields
    assert fields == {("boxes", 0, "xyxy", 2), ("seed",)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "seed =",
        "seed = 3",
        "__import__('os')",
        "open('canary', 'w')",
        "().__class__",
        "seed.__class__()",
        "'a'.join(['b'])",
        "lambda: 1",
        "[x for x in boxes]",
        "f'{seed}'",
        "seed ** 1000000000",
        "1 << 1000000000",
        "{'a': 1}",
        "boxes[seed]",
        "boxes[-1].xyxy",
        "boxes[0:1]",
        "(x := 3)",
        "seed is null",
        "seed in time_of_day",
        "min(1)",
        "abs(1, 2)",
        "max(*boxes)",
        "b'bytes'",
        "1j",
        "...",
        "(" * 300 + "1" + ")" * 300,
        "-" * 390 + "1",
        "1 +" * 120 + " 1",
        "seed " + "x" * MAX_CHARACTERS,
    ],
)
def test_everything_else_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed / 0", "cannot be computed: division by zero"),
        ("1" + "0" * 320 + " / 0.5 > 1", "cannot be computed: "),
        ("time_of_day * 1000000000", "expected a number, got 'night'"),
        ("time_of_day < 3", "expected a number, got 'night'"),
        ("ego > 3", "expected a number, got null"),
        ("ego.speed_mps > 3", "there is no `ego.speed_mps` in the scenario"),
        ("boxes[7].xyxy == 3", r"there is no `boxes\[7\]`, only 1 of them"),
        ("not seed", "expected true or false, got 3"),
        ("seed", "expected a comparison, which is true or false, got 3"),
    ],
)
def test_what_means_nothing_for_its_values_says_so(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        Expression.parse(text).holds(DOCUMENT)


@given(st.text(max_size=60) | st.text("()[]'.,<=>+-*/% 01aseboxyin\\\n\"{}#", max_size=80))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        assert Expression.parse(text).holds(DOCUMENT) in (True, False)


@given(st.lists(st.sampled_from(["boxes", "xyxy", "a_1"]) | st.integers(0, 99), min_size=1, max_size=6))
def test_a_path_is_read_as_it_is_written(steps: list) -> None:
    path = ("actors", *steps)
    assert parse_path(path_text(path)) == path


@pytest.mark.parametrize("text", ["", "1", "a b", "a[b]", "a[-1]", "a()", "a[0", "a.1", "a[True]", "a" * 500])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="expected a field such as"):
        parse_path(text)
