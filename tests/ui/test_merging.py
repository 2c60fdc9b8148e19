"""A page whose answers are late: nothing that was drawn or set is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drivesim.errors import InputError
from ui.document import Desk
from ui.document_view import editor_json
from ui.merging import CONTROLS, DEFAULT_GUIDANCE, PageState, acceptable, control_values, merged, with_controls
from ui.pictures import Pictures

CAR = {"category": "car", "xyxy": [400, 250, 520, 340]}
LIBRARY = Path(__file__).parents[2] / "scenarios"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Pictures(tmp_path))


def state_of(editor: str, scene: dict[str, Any], **changed: Any) -> PageState:
    """The page whose controls show what the editor says, but for what was `changed`."""
    shown = json.loads(editor).get("shown", {})
    return PageState.of(editor, json.dumps(scene), "fast", *({**shown, **changed}.get(name) for name in CONTROLS))


def test_a_page_without_changes_is_its_yaml(desk: Desk) -> None:
    for path in sorted(LIBRARY.glob("*.yaml")):
        document = desk.open_file(path)
        assert merged(desk, state_of(editor_json(document), {})).text == document.text


def test_two_changes_before_the_first_answer_are_both_kept(desk: Desk) -> None:
    editor = editor_json(desk.blank())
    document = merged(desk, state_of(editor, {"edit": 1, "boxes": [CAR]}, futures=1, duration_s=0.8, seed="12"))
    scenario = document.scenario
    assert (scenario.futures, scenario.duration_s, scenario.seed) == (1, 0.8, 12)
    assert scenario.boxes[0].xyxy == (400, 250, 520, 340)


def test_a_drawing_that_is_in_the_yaml_already_is_not_drawn_again(desk: Desk) -> None:
    editor = editor_json(desk.blank(), edit=3)
    assert merged(desk, state_of(editor, {"edit": 3, "boxes": [CAR]})).scenario.boxes == ()


def test_what_is_typed_is_newer_than_the_controls(desk: Desk) -> None:
    typed = json.dumps({"text": "format: 1\nname: typed\nseed: 4\n"})
    document = merged(desk, state_of(typed, {"edit": 9, "boxes": [CAR]}, seed="77", name="other"))
    assert (document.scenario.seed, document.scenario.name, document.scenario.boxes) == (4, "typed", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "not a name!"},
        {"seed": "-1"},
        {"seed": "1e3"},
        {"seed": "9" * 19},
        {"seed": "²"},
        {"futures": 65},
        {"futures": None},
        {"duration_s": 0.1},
        {"duration_s": None},
        {"time_of_day": "dusk"},
        {"crowdedness": "65"},
        {"crowdedness": "many"},
        {"guidance": 21},
    ],
)
def test_a_wrong_value_is_refused_and_the_yaml_stays(desk: Desk, changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        merged(desk, state_of(editor_json(desk.blank()), {}, **changed))


def test_a_wrong_control_does_not_take_the_drawing_away(desk: Desk) -> None:
    document = acceptable(desk, state_of(editor_json(desk.blank()), {"edit": 1, "boxes": [CAR]}, seed="abc"))
    assert document.required().boxes[0].xyxy == (400, 250, 520, 340)


def test_a_drawing_that_is_none_leaves_the_yaml(desk: Desk) -> None:
    document = acceptable(desk, state_of(editor_json(desk.blank()), {"edit": 1, "boxes": [{"xyxy": [1]}]}))
    assert document == desk.blank()


def test_controls_show_what_they_set(desk: Desk) -> None:
    values = {"name": "a", "time_of_day": "", "crowdedness": "", "guidance": 3.5, "seed": "5", "duration_s": 1.2}
    document = with_controls(desk, desk.blank(), {**values, "futures": 3})
    assert control_values(document.scenario) == {**values, "futures": 3}
    assert tuple(control_values(document.scenario)) == CONTROLS


def test_the_guidance_that_is_shown_is_that_of_the_presets() -> None:
    from drivesim.engine import fast, quality

    assert fast().image_guidance == quality().image_guidance == DEFAULT_GUIDANCE
