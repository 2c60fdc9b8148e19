"""The Archives tab in a real browser: an archive is shown, checked, saved and put on screen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("ui")
Opening = Callable[..., AbstractContextManager[Any]]


def test_an_archive_is_browsed_and_checked(
    open_page: Opening,
    start_server: Callable[..., Any],
    run_drivesim: Callable[..., None],
    tmp_path: Path,
    tiny_checkpoints_with_detector: Path,
) -> None:
    scenario = tmp_path / "seen.yaml"
    scenario.write_text("format: 1\nname: seen\nduration_s: 0.4\nfutures: 2\nboxes: []\n")
    options = ["--out", "out", "--checkpoints", str(tiny_checkpoints_with_detector), "--workers", "1"]
    run_drivesim(tmp_path, "rollout", str(scenario), *options)
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
