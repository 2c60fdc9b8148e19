"""A scenario on screen in a real browser: it is chosen, typed and changed, and every tab shows it."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("ui")


def test_a_change_of_the_scene_before_does_not_undo_a_loaded_scenario(page: Any) -> None:
    page.evaluate(_HOLD_ANSWERS_ABOUT, "cut_in_day")
    page.choose("library", "cut_in_day")
    page.wait_for_function("window.held > 0")
    page.fill("#name input, #name textarea", "late")
    page.keyboard.press("Enter")  # sent after the choice, from the scene before it, and answered first
    page.wait_for_yaml("name: late")
    page.evaluate("window.release()")
    page.wait_for_yaml("name: cut_in_day")
    page.tab("compose")
    page.wait_for_selector("#scene tbody >> text=cutter")


_HOLD_ANSWERS_ABOUT = """(text) => {
  const real = window.fetch;
  const released = new Promise((done) => (window.release = done));
  window.held = 0;
  window.fetch = async (address, options) => {
    const answer = await real(address, options);
    if (String(options?.body).includes(text)) {
      window.held += 1;
      await released;
    }
    return answer;
  };
}"""


def test_a_scenario_in_metres_shows_its_boxes_and_its_table(page: Any) -> None:
    page.choose("library", "cut_in_day")
    page.wait_for_selector("#scene tbody >> text=cutter")
    page.wait_for_selector("#scene .ds-box >> nth=2")
    page.wait_for_function("document.querySelector('#scene img.ds-map')?.naturalWidth === 256")
    page.wait_for_selector("#scene text.ds-label >> text=cutter")
    page.fill("#scene input[data-cell='a0-distance']", "14.5")
    page.keyboard.press("Enter")
    page.wait_for_yaml("distance_m: 14.5")
    page.wait_for_yaml("cut_in")


def test_bad_yaml_is_marked_at_its_line_and_good_yaml_moves_the_boxes(page: Any) -> None:
    page.tab("scenario")
    good = "format: 1\nname: typed\nboxes:\n- {category: bus, xyxy: [100, 200, 300, 400]}\n"
    page.fill("#editor textarea", good.replace("bus", "tram"))
    page.wait_for_selector("#editor .ds-problems >> text=line 4")
    page.wait_for_selector("#editor .ds-gutter .ds-mark-problem >> text=4")
    page.tab("compose")
    page.wait_for_selector("#scene >> text=The YAML has a mistake.")
    page.tab("scenario")
    page.fill("#editor textarea", good)
    page.wait_for_selector("#takeaway >> text=typed.yaml")
    page.tab("compose")
    page.wait_for_table([["bus", "100", "200", "300", "400"]])


def test_a_name_that_is_html_is_shown_as_text(page: Any) -> None:
    page.tab("scenario")
    page.fill("#editor textarea", "format: 1\nname: '<img src=x onerror=alert(1)>'\n")
    page.wait_for_selector("#editor .ds-problems >> text=<img src=x")
    assert page.locator("img[src=x]").count() == 0
