"""Takes the pictures of docs/ui.md from a page that is running with the models that ship.

drivesim ui --out out     (with a rollout of `dense_day_traffic` and another one in the folder)
.venv/bin/python docs/ui_pictures.py http://127.0.0.1:7860/
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent / "pictures" / "ui"
PATIENCE_S = 600
WEBP_QUALITY = 82
CAR, TRUCK = (420, 252, 520, 330), (640, 200, 800, 360)


class Photographer:
    """Drives the page in a browser and saves pictures of it."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder

    def take(self, name: str) -> None:
        """Saves what the window shows."""
        self.page.mouse.move(0, 0)
        pixels = cv2.imdecode(np.frombuffer(self.page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        cv2.imwrite(str(self.folder / f"{name}.webp"), pixels, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])

    def tab(self, name: str, part: str) -> None:
        """Opens a tab and waits for a part of it."""
        self.page.click(f"button[role=tab][data-tab-id={name}]")
        self.page.wait_for_selector(part)

    def draw(self, box: tuple[int, int, int, int]) -> None:
        """Draws a box, in pixels of the frame."""
        self.page.keyboard.press("Escape")
        place = self.page.locator("#scene svg.ds-canvas").bounding_box()
        scale = place["width"] / 1024
        x0, y0, x1, y1 = (place["xy"[axis % 2]] + edge * scale for axis, edge in enumerate(box))
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
        self.page.mouse.move(x1, y1)
        self.page.mouse.up()

    def choose(self, dropdown: str, text: str) -> None:
        """Chooses an entry of a dropdown by a part of its text."""
        self.page.click(f"#{dropdown} input")
        self.page.locator(f"#{dropdown} ul[role=listbox] li", has_text=text).first.click()

    def compose(self) -> None:
        """Boxes on the road, a scene in metres, and a composed scene with its variants."""
        self.draw(CAR)
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("3")
        self.draw(TRUCK)
        self.page.wait_for_selector("#warnings p, #warnings ul")
        self.take("compose")
        self.page.fill("#count input[type=number]", "3")
        self.page.keyboard.press("Tab")
        self.page.click("#compose-button")
        self.page.wait_for_selector("#variants button >> nth=2")
        self.page.wait_for_function("[...document.querySelectorAll('#variants img')].every(one => one.complete)")
        self.take("composed")
        self.page.locator("#scene svg.ds-canvas").focus()
        self.page.keyboard.press("p")
        self.choose("library", "cut_in_day")
        self.page.wait_for_function("document.querySelector('#scene img.ds-map')?.naturalWidth === 256")
        self.take("actors")

    def scenario(self) -> None:
        """A mistake at its line."""
        self.choose("library", "dense_day_traffic")
        self.page.wait_for_selector("#scene tbody tr >> nth=6")
        self.tab("scenario", "#editor textarea")
        self.page.wait_for_function("document.querySelector('#editor textarea').value.includes('dense_day_traffic')")
        text = self.page.input_value("#editor textarea")
        self.page.fill("#editor textarea", text.replace("{category: van,", "{category: tram,"))
        self.page.wait_for_selector("#editor .ds-problems >> text=tram")
        self.take("scenario")
        self.page.fill("#editor textarea", text)
        self.page.wait_for_selector("#takeaway code")

    def futures(self) -> None:
        """Two futures at the same frame."""
        self.tab("futures", "#run-button")
        self.page.click("#run-button")
        self.page.wait_for_selector("#progress .ds-jobs[data-state=done]")
        self.show_frame("#player", 24)
        self.take("futures")

    def archives(self) -> None:
        """Two rollouts at the same frame, with their boxes."""
        self.tab("archives", "#archive input")
        self.choose("archive", "dense_day_traffic-")
        self.page.wait_for_selector("#archive-facts table")
        self.choose("archive-other", "seed_7")
        self.page.wait_for_selector("#archive-player figure >> nth=1")
        self.page.click("text=Requested boxes")
        self.page.click("text=Detected boxes")
        for pane in (1, 2):
            self.page.wait_for_selector(f"#archive-player figure:nth-of-type({pane}) .ds-marks rect >> nth=6")
        self.take("archives")

    def study(self) -> None:
        """A pair that waits for a vote."""
        self.tab("study", "#study-start")
        for side, text in (("side-a", "dense_day_traffic-"), ("side-b", "seed_7")):
            self.choose(side, text)
            self.page.keyboard.press("Escape")
        self.page.click("#study-start")
        self.page.wait_for_selector("#study-player figure >> nth=1")
        self.show_frame("#study-player", 12)
        self.take("study")
        self.page.click("#vote-left")
        self.page.wait_for_selector("#study-results table")
        self.take("study_results")

    def show_frame(self, player: str, frame: int) -> None:
        """Goes to a frame and waits until every pane shows it."""
        self.page.locator(f"{player} .ds-scrub").fill(str(frame))
        shown = f"[...document.querySelectorAll('{player} img')].every(one => one.dataset.frame === '{frame}')"
        self.page.wait_for_function(shown)


def main() -> None:
    """Takes all pictures; other sizes and colours than those of the docs are for looking at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--only", nargs="*", default=["compose", "scenario", "futures", "archives", "study"])
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        size = {"width": chosen.width, "height": 800}
        page = chromium.new_page(viewport=size, color_scheme="dark" if chosen.dark else "light")
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(chosen.url)
        page.wait_for_selector("#scene svg >> text=horizon")
        photographer = Photographer(page, chosen.folder)
        for part in chosen.only:
            getattr(photographer, part)()
        chromium.close()


if __name__ == "__main__":
    main()
