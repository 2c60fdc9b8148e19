from __future__ import annotations

import json

import pytest

from drivesim.cli.lines import print_json


def test_only_numbers_that_json_has_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [float("inf"), (float("nan"), 1.5)], "b": -float("inf"), "c": "nan", "d": 2**70, "e": True})
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document == {"a": [None, [None, 1.5]], "b": None, "c": "nan", "d": 2**70, "e": True}


class Unknown:
    """Nothing that JSON can hold."""


def test_what_json_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError):
        print_json({"a": Unknown()})
