"""The Futures tab in a real browser: rolling out, scrubbing, branching, cancelling, and a vote on the result."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from drivesim.archive import open_archive

pytestmark = pytest.mark.xdist_group("ui")
Opening = Callable[..., AbstractContextManager[Any]]


def test_what_is_rolled_out_is_what_the_command_line_makes(
    open_page: Opening, start_server: Callable[..., Any], run_drivesim: Callable[..., None], tmp_path: Path
) -> None:
    server = start_server(tmp_path / "out")
    with open_page(server.url) as page:
        page.draw((400, 250, 520, 340))
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
        assert command[0] == "drivesim"
        run_drivesim(tmp_path, *command[1:])
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
    branch = _fields(page.yaml())
    assert branch["time_of_day"] == "night"
    assert branch["first_frame"].startswith("frame-")
    assert branch["name"] == "my_scene_branch"
    page.tab("futures")
    page.roll_out()
    page.wait_for_selector("#progress >> text=my_scene_branch: done")


def _fields(text: str) -> dict[str, str]:
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
