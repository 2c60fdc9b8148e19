"""A server of the page with tiny models, and a browser to drive it."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ui.settings import UiSettings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 400  # of a machine that is slow, or has more to do than these tests
_BRIEFLY_S = 20  # until a click is repeated that may have come too early
_PART_OF_TAB = {
    "compose": "#scene svg.ds-canvas",
    "futures": "#run-button",
    "scenario": "#editor textarea",
    "archives": "#archive input",
    "study": "#study-start",
}
# The drawing area is ready when it shows the guide and has had the same place in several frames of the browser.
_CANVAS_RESTS = """() => new Promise((done) => {
  let last = "", same = 0;
  const look = () => {
    const canvas = document.querySelector("#scene svg.ds-canvas");
    const place = canvas?.querySelector(".ds-horizon") ? JSON.stringify(canvas.getBoundingClientRect()) : "";
    same = place !== "" && place === last ? same + 1 : 0;
    last = place;
    if (same === 5) done(); else requestAnimationFrame(look);
  };
  look();
})"""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_ADDRESS = re.compile(r"http://[\w.\[\]:]+/")


@dataclass(frozen=True)
class Server:
    """A running `drivesim ui`: its address, its output folder and its process."""

    url: str
    out: Path
    process: subprocess.Popen


class Driver:
    """What a person does on the page: draws, presses, chooses and reads. What it does not know goes to `page`."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def tab(self, name: str) -> None:
        """Opens a tab and waits until its contents are on screen."""
        self.page.click(f"button[role=tab][data-tab-id={name}]")
        self.page.wait_for_selector(_PART_OF_TAB[name])

    def draw(self, box: tuple[int, int, int, int]) -> None:
        """Draws a box of these edges, in pixels of the frame."""
        self.page.keyboard.press("Escape")
        self.drag(box[:2], box[2:])

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drags from one pixel of the frame to another."""
        with self.dragging(start, end):
            pass

    @contextmanager
    def dragging(self, start: tuple[int, int], end: tuple[int, int]) -> Iterator[None]:
        """Presses at one pixel of the frame, drags to another, and releases there at the end of the block."""
        self.page.evaluate(_CANVAS_RESTS)
        place = self.page.locator("#scene svg.ds-canvas").bounding_box()
        scale = place["width"] / 1024
        (x0, y0), (x1, y1) = ((place["x"] + x * scale, place["y"] + y * scale) for x, y in (start, end))
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
        self.page.mouse.move(x1, y1)
        yield
        self.page.mouse.up()

    def wait_for_table(self, rows: list[list[str]]) -> None:
        """Waits until the table of boxes has these rows: category and edges."""
        cells = "[...row.querySelectorAll('select, input')].map(cell => cell.value)"
        shown = f"[...document.querySelectorAll('#scene tbody tr')].map(row => {cells})"
        self.page.wait_for_function(f"rows => JSON.stringify({shown}) === JSON.stringify(rows)", arg=rows)

    def yaml(self) -> str:
        """The text of the Scenario tab, which is opened."""
        self.tab("scenario")
        return self.page.input_value("#editor textarea")

    def wait_for_yaml(self, text: str) -> None:
        """Waits until the YAML contains a text; opens the Scenario tab."""
        self.tab("scenario")
        self.page.wait_for_function(
            "text => document.querySelector('#editor textarea')?.value.includes(text)", arg=text
        )

    def choose(self, dropdown: str, text: str) -> None:
        """Chooses an entry of a dropdown by a part of its text; a list that arrives late closes what was opened."""
        from playwright.sync_api import TimeoutError

        entry = self.page.locator(f"#{dropdown} ul[role=listbox] li", has_text=text).first
        for _ in range(PATIENCE_S // _BRIEFLY_S):
            self.page.click(f"#{dropdown} input")
            try:
                return entry.click(timeout=_BRIEFLY_S * 1000)
            except TimeoutError:
                self.page.keyboard.press("Escape")
        raise AssertionError(f"#{dropdown} does not offer {text!r}")

    def short_futures(self, seconds: float, futures: int = 1) -> None:
        """Sets length and number on the Futures tab, and waits until the scenario says so."""
        self.tab("futures")
        for field, value in (("futures", futures), ("duration", seconds)):
            self.page.fill(f"#{field} input[type=number]", str(value))
        self.wait_for_yaml(f"duration_s: {seconds}")
        self.wait_for_yaml(f"futures: {futures}")
        self.tab("futures")

    def roll_out(self) -> None:
        """Presses Roll out and waits for the end."""
        done = self.press_roll_out("done")
        self.page.wait_for_selector(done)
        self.page.wait_for_selector("#player img[data-frame]")

    def press_roll_out(self, state: str) -> str:
        """Presses Roll out; returns what selects the progress of this rollout, and of none before, in a state."""
        jobs = self.page.locator("#progress .ds-jobs")
        before = jobs.get_attribute("data-job") if jobs.count() else ""
        self.page.click("#run-button")
        self.page.wait_for_selector(f"#progress .ds-jobs:not([data-job='{before}'])")
        return f"#progress .ds-jobs[data-state={state}]:not([data-job='{before}'])"


@pytest.fixture(scope="session")
def start_server(tiny_checkpoints_with_detector: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server in a folder, with more options and variables where they are given."""
    started: list[subprocess.Popen] = []

    def start(out: Path, *options: str, **variables: str) -> Server:
        command = [sys.executable, "-m", "drivesim", "ui", "--out", str(out), "--port", "0", "--workers", "1"]
        command += ["--checkpoints", str(tiny_checkpoints_with_detector), *options]
        process = subprocess.Popen(
            command, env=_environment(**variables), stderr=subprocess.PIPE, text=True, cwd=out.parent
        )
        started.append(process)
        return Server(_address(process), out, process)

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="session")
def run_drivesim() -> Callable[..., None]:
    """Runs a command of the command line in a folder."""

    def run(folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "drivesim", *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=_environment())

    return run


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """One server for all tests that leave it as it was."""
    return start_server(tmp_path_factory.mktemp("ui") / "out")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; tests that need it are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine; install it with: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(open_page: Callable[..., AbstractContextManager[Driver]], server: Server) -> Iterator[Driver]:
    """The page of the shared server."""
    with open_page(server.url) as page:
        yield page


@pytest.fixture
def open_page(browser: Any) -> Callable[..., AbstractContextManager[Driver]]:
    """Opens the page at an address, in a context of its own; options as of `new_context`.

    Any error in its scripts fails the test.
    """
    return partial(_opened, browser)


@contextmanager
def _opened(browser: Any, url: str, **options: Any) -> Iterator[Driver]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    context.set_default_timeout(PATIENCE_S * 1000)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    with page.expect_response("**/run/predict**"):  # the first call of a page, which asks for a running rollout
        page.goto(url)
    page.wait_for_function("document.querySelector('#seed input, #seed textarea')?.value === '0'")
    page.evaluate(_CANVAS_RESTS)
    yield Driver(page)
    context.close()
    assert errors == []


@pytest.fixture
def settings(tmp_path: Path, tiny_checkpoints_with_detector: Path) -> UiSettings:
    """Settings of a server with tiny models."""
    return UiSettings(tmp_path / "out", ROOT / "scenarios", tiny_checkpoints_with_detector, "cpu", 1)


def _environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **variables}


def _address(process: subprocess.Popen) -> str:
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in process.stderr:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    said = []
    while True:
        try:
            said.append(lines.get(timeout=PATIENCE_S))
        except queue.Empty:
            raise AssertionError(f"the server did not start: {''.join(said)}") from None
        if found := _ADDRESS.search(said[-1]):
            return found.group()
