"""The page in a real browser: drawing, composing, rolling out, scrubbing, branching, voting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from drivesim.archive import open_archive
from drivesim.scenario import parse_scenario

pytestmark = pytest.mark.xdist_group("ui")
Opening = Callable[..., AbstractContextManager[Any]]
ROOT = Path(__file__).parents[2]
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


def _row(*edges: int, category: str = "car") -> list[str]:
    """A row of the table of boxes."""
    return [category, *map(str, edges)]


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
    while not calls:
        page.wait_for_timeout(20)
    calls.pop(0)  # never answered
    _answer(page, calls)
    page.wait_for_selector("#scene >> text=The server does not answer.", state="hidden")
    page.wait_for_selector("#warnings p, #warnings ul")


def _answer(page: Any, calls: list[Any]) -> None:
    """Lets the server answer the next call of the page, which is waited for."""
    while not calls:
        page.wait_for_timeout(20)
    calls.pop(0).continue_()


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
    page.wait_for_table([_row(100, 200, 300, 400, category="bus")])


def test_a_name_that_is_html_is_shown_as_text(page: Any) -> None:
    page.tab("scenario")
    page.fill("#editor textarea", "format: 1\nname: '<img src=x onerror=alert(1)>'\n")
    page.wait_for_selector("#editor .ds-problems >> text=<img src=x")
    assert page.locator("img[src=x]").count() == 0


def test_a_photo_is_cut_to_the_shape_of_a_frame(page: Any, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    photo = tmp_path / "photo.jpg"
    cv2.imwrite(str(photo), np.full((300, 400, 3), 90, np.uint8))
    page.set_input_files("#upload input[aria-label='Start from photo']", str(photo))
    page.wait_for_selector("#scene >> text=This scene starts from a picture")
    page.wait_for_yaml("first_frame: photo-")


def test_what_is_rolled_out_is_what_the_command_line_makes(
    open_page: Opening, start_server: Callable[..., Any], tmp_path: Path
) -> None:
    server = start_server(tmp_path / "out")
    with open_page(server.url) as page:
        page.draw(FIRST)
        page.short_futures(0.8)
        page.roll_out()
        page.locator("#player .ds-scrub").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#player img[data-frame='1']")
        page.keyboard.press("End")
        page.wait_for_selector("#player img[data-frame='7']")
        page.tab("scenario")
        with page.expect_download() as saved:
            page.click("#save-yaml")
        command = page.inner_text("#takeaway code").split()
        saved.value.save_as(tmp_path / command[2])
        subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, check=True, capture_output=True, env=_environment()
        )
        _a_branch_continues_by_night(page)
        _a_vote_counts(page)
    (mine,) = server.out.glob("my_scene-*/my_scene.zarr")
    theirs = tmp_path / "out" / "my_scene.zarr"
    hashes = [[rollout.content_sha256 for rollout in open_archive(path).rollouts] for path in (mine, theirs)]
    assert hashes[0] == hashes[1]


def _a_branch_continues_by_night(page: Any) -> None:
    page.tab("futures")
    page.wait_for_selector("#source >> text=my_scene")
    page.click("#branch-time >> text=Night")
    page.click("#player >> text=Branch here")
    page.wait_for_selector("#scene >> text=This scene starts from a picture")
    page.wait_for_yaml("my_scene_branch")
    branch = parse_branch(page.yaml())
    assert branch["time_of_day"] == "night"
    assert branch["first_frame"].startswith("frame-")
    assert branch["name"] == "my_scene_branch"
    page.tab("futures")
    page.roll_out()
    page.wait_for_selector("#progress >> text=my_scene_branch: done")


def parse_branch(text: str) -> dict[str, str]:
    """The top-level fields of a YAML with one field per line."""
    return {line.split(":")[0]: line.split(":", 1)[1].strip().strip('"') for line in text.splitlines() if ":" in line}


def _a_vote_counts(page: Any) -> None:
    page.tab("study")
    page.choose("side-a", "my_scene_branch")
    page.keyboard.press("Escape")
    page.choose("side-b", "my_scene-")
    page.keyboard.press("Escape")
    page.click("#study-start")
    page.wait_for_selector("#study-player img[data-frame] >> nth=1")
    sources = page.evaluate("[...document.querySelectorAll('#study-player img')].map(image => image.src)")
    assert all("/media/study/" in source for source in sources)
    page.click("#vote-left")
    page.wait_for_selector("#study-results table >> text=100 %")
    with page.expect_download() as saved:
        page.click("text=Results as CSV")
    lines = Path(saved.value.path()).read_text().splitlines()
    assert lines[0] == "choice,count,percent,low_95,high_95"
    assert sum(int(line.split(",")[1]) for line in lines[1:]) == 1


def test_a_rollout_is_cancelled_in_the_middle_and_continues(page: Any, server: Any) -> None:
    page.tab("scenario")
    page.fill("#editor textarea", "format: 1\nname: long\nboxes: []\nduration_s: 300.0\nfutures: 1\n")
    page.wait_for_selector("#takeaway >> text=long.yaml")
    page.tab("futures")
    cancelled = page.press_roll_out("cancelled")
    page.wait_for_selector("#player img[data-frame]")
    page.click("#cancel-button")
    page.wait_for_selector(cancelled)
    (archive,) = server.out.glob("long-*/long.zarr")
    stopped = open_archive(archive)
    committed, frames = stopped.rollouts[0].num_committed_windows, stopped.rollouts[0].num_committed_frames
    assert 1 <= committed < stopped.layout.num_windows
    cancelled = page.press_roll_out("cancelled")
    page.wait_for_function(f"{_LAST_FRAME} >= {frames}")  # the page may have shown fewer before
    page.click("#cancel-button")
    page.wait_for_selector(cancelled)
    assert open_archive(archive).rollouts[0].num_committed_windows > committed


_LAST_FRAME = "Number(document.querySelector('#player .ds-scrub').max)"


def test_an_archive_is_browsed_and_checked(
    open_page: Opening, start_server: Callable[..., Any], tmp_path: Path, tiny_checkpoints_with_detector: Path
) -> None:
    scenario = tmp_path / "seen.yaml"
    scenario.write_text("format: 1\nname: seen\nduration_s: 0.4\nfutures: 2\nboxes: []\n")
    options = ["--out", "out", "--checkpoints", str(tiny_checkpoints_with_detector), "--workers", "1"]
    command = [sys.executable, "-m", "drivesim", "rollout", str(scenario), *options]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=_environment())
    server = start_server(tmp_path / "out")
    with open_page(server.url) as page:
        page.tab("archives")
        page.choose("archive", "seen")
        page.wait_for_selector("#archive-player img[data-frame] >> nth=1")
        page.wait_for_selector("#archive-facts >> text=2 futures of 0.4 s")
        page.click("text=Detected boxes")
        page.click("#archive-check")
        page.wait_for_selector("#archive-checked >> text=Every byte is as it was committed.")
        with page.expect_download() as saved:
            page.locator("#archive-player >> text=Archive").first.click()
        assert Path(saved.value.path()).read_bytes().startswith(b"PK")
        page.click("#archive-open")
        page.wait_for_selector("#scene svg.ds-canvas")
        page.wait_for_yaml("name: seen")


def test_the_page_is_usable_by_night_without_the_network(open_page: Opening, server: Any) -> None:
    with open_page(server.url, color_scheme="dark") as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        page.wait_for_selector("#scene svg.ds-canvas >> text=horizon")
        page.wait_for_function("document.body.classList.contains('dark')")
        outside = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
        assert outside == []


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
