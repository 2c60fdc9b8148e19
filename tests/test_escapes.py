from __future__ import annotations

import os

import pytest

from drivesim.errors import InputError, LockHeldError, ScenarioError
from drivesim.escapes import escaped
from drivesim.scenario.text.problems import Place, Problem


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: äöü – 運転", "plain: äöü – 運転"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\r", r"two\nlines\r"),
        (os.fsdecode(b"caf\xe9.yaml"), r"caf\udce9.yaml"),
        ("left \u202eright\u2028", r"left \u202eright\u2028"),
        ("\ud800", r"\ud800"),
        (12, "12"),
    ],
)
def test_only_printable_characters_remain(text: object, shown: str) -> None:
    assert escaped(text) == shown
    assert escaped(text).isprintable()


def test_errors_are_explained_in_one_line_of_printable_characters() -> None:
    assert InputError("a\x1b[2Jb\nc").explained() == r"a\x1b[2Jb\nc"
    assert LockHeldError("held by \x1b", "\x1b").explained() == r"held by \x1b"


def test_problems_of_a_scenario_are_explained_in_lines_of_printable_characters() -> None:
    problem = Problem("a\x1b.yaml", Place(1, 2), "wrong\nthing", "  1 | x\n    | ^")
    assert ScenarioError(problem, "text\r").explained() == "a\\x1b.yaml:1:2: wrong\\nthing\n  1 | x\n    | ^\ntext\\r"
