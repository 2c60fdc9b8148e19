"""The Compose tab in a real browser: boxes are drawn and moved, and frames composed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drivesim.scenario import parse_scenario

pytestmark = pytest.mark.xdist_group("ui")
FIRST, SECOND = (400, 250, 520, 340), (100, 300, 260, 420)


@pytest.mark.parametrize("width", [1280, 700])
def test_a_box_has_the_numbers_of_the_place_where_it_is_drawn(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.draw(FIRST)
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    page.draw(SECOND)
    page.wait_for_table([_row(*FIRST), _row(*SECOND, category="truck")])
    page.wait_for_yaml("truck")
    boxes = parse_scenario(page.yaml().encode()).boxes
    assert [tuple(box.xyxy) for box in boxes] == [FIRST, SECOND]


def test_boxes_are_moved_duplicated_deleted_and_brought_back(page: Any) -> None:
    page.draw(FIRST)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    left, top, right, bottom = FIRST[0] + 1, FIRST[1] + 10, FIRST[2] + 1, FIRST[3] + 10
    moved = _row(left, top, right, bottom)
    page.wait_for_table([moved])
    page.keyboard.press("d")
    page.wait_for_table([moved, _row(left + 24, top, right + 24, bottom)])
    page.keyboard.press("Delete")
    page.keyboard.press("Delete")
    page.wait_for_table([])
    page.keyboard.press("Control+z")
    page.wait_for_table([moved])
    page.keyboard.press("n")
    page.wait_for_selector("#scene .ds-handle.ds-se")
    page.drag((right, bottom), (right + 30, bottom + 20))
    page.wait_for_table([_row(left, top, right + 30, bottom + 20)])


def test_an_answer_that_arrives_during_a_drag_or_while_a_number_is_typed_changes_neither(page: Any) -> None:
    calls: list[Any] = []
    page.route("**/run/predict**", lambda route: calls.append(route))
    page.draw((300, 40, 420, 120))
    with page.dragging((360, 80), (370, 330)):
        _answer(page, calls)
        page.wait_for_selector("#warnings >> text=floats")
    page.wait_for_table([_row(310, 290, 430, 370)])
    page.click("#scene input[data-cell='0-0']")
    page.keyboard.press("Control+a")
    page.keyboard.type("28")
    _answer(page, calls)
    page.wait_for_selector("#warnings >> text=Nothing implausible")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    page.wait_for_table([_row(280, 290, 430, 370)])
    _answer(page, calls)
    page.unroute_all()
    page.wait_for_yaml("[280, 290, 430, 370]")


def test_a_drawing_whose_answer_is_lost_is_sent_again(page: Any) -> None:
    calls: list[Any] = []
    page.route("**/run/predict**", lambda route: calls.append(route))
    page.draw(FIRST)
    page.wait_for_selector("#scene >> text=The server does not answer.")
    _next(page, calls)  # never answered
    _answer(page, calls)
    page.wait_for_selector("#scene >> text=The server does not answer.", state="hidden")
    page.wait_for_selector("#warnings p, #warnings ul")


def test_a_number_in_the_table_moves_the_box(page: Any) -> None:
    page.draw(FIRST)
    page.fill("#scene input[data-cell='0-0']", "380")
    page.keyboard.press("Enter")
    page.wait_for_yaml("[380, 250, 520, 340]")


def test_an_edge_in_the_table_stops_at_the_one_opposite(page: Any) -> None:
    page.draw(FIRST)
    page.fill("#scene input[data-cell='0-0']", "5000")
    page.keyboard.press("Enter")
    page.wait_for_table([_row(516, *FIRST[1:])])
    page.wait_for_yaml("[516, 250, 520, 340]")


def test_an_implausible_box_is_named_as_it_is_drawn(page: Any) -> None:
    page.draw(FIRST)
    page.draw((300, 40, 420, 120))
    page.wait_for_selector("#warnings >> text=box 2 floats")


def test_labels_of_crowded_boxes_do_not_cover_each_other(page: Any) -> None:
    page.set_viewport_size({"width": 700, "height": 800})
    page.choose("library", "dense_day_traffic")
    page.wait_for_selector("#scene text.ds-label >> nth=6")
    assert page.evaluate(_COVERED_LABELS) == []


_COVERED_LABELS = """() => {
  const labels = [...document.querySelectorAll('#scene text.ds-label')].map((one) => [one.textContent, one.getBoundingClientRect()]);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom;
  return labels.flatMap(([text, a], k) => labels.slice(k + 1).filter(([, b]) => meet(a, b)).map(([other]) => [text, other]));
}"""  # noqa: E501


def test_composing_shows_variants_and_what_was_found(page: Any) -> None:
    page.draw(FIRST)
    page.fill("#count input[type=number]", "2")
    page.keyboard.press("Tab")
    page.wait_for_selector("#stop-composing:disabled")
    page.click("#compose-button")
    page.wait_for_selector("#variants button >> nth=1")
    page.wait_for_selector("#variants >> text=open Futures to roll it out")
    page.wait_for_selector("#stop-composing:disabled")
    page.wait_for_selector("#scene th >> text=detector")
    page.wait_for_selector("#variants >> text=of 1 found")
    page.wait_for_selector("#scene image[href^='/media/picture/']")
    page.click("#variants button >> nth=1")
    page.wait_for_yaml("seed: 1")
    page.tab("compose")
    page.locator("#scene svg.ds-canvas").focus()
    page.keyboard.press("b")
    page.wait_for_selector("#scene .ds-box", state="detached")
    page.keyboard.press("b")
    page.wait_for_selector("#scene .ds-box")
    page.draw(SECOND)
    page.wait_for_selector("#scene >> text=The scene has changed since this picture was composed.")


def test_a_photo_is_cut_to_the_shape_of_a_frame(page: Any, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    photo = tmp_path / "photo.jpg"
    cv2.imwrite(str(photo), np.full((300, 400, 3), 90, np.uint8))
    page.set_input_files("#upload input[aria-label='Start from photo']", str(photo))
    page.wait_for_selector("#scene >> text=This scene starts from a picture")
    page.wait_for_yaml("first_frame: photo-")


def _row(*edges: int, category: str = "car") -> list[str]:
    """A row of the table of boxes."""
    return [category, *map(str, edges)]


def _answer(page: Any, calls: list[Any]) -> None:
    """Lets the server answer the next call of the page, which is waited for."""
    _next(page, calls).continue_()


def _next(page: Any, calls: list[Any]) -> Any:
    """Takes the next call of the page, which is waited for."""
    while not calls:
        page.wait_for_timeout(20)
    return calls.pop(0)
