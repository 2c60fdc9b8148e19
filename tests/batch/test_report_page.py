from __future__ import annotations

import base64
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.archive.export import write_text
from drivesim.batch.report_page import page


def report(num_jobs: int, **of_first: object) -> dict:
    common = {"engine": "1", "preset": "fast", "device": "cpu", "threads": 1}
    totals = {"done": 0, "jobs": num_jobs, "failed": 0, "unfinished": 0, "futures": 0, "worker_seconds": 0}
    jobs = [
        {
            "id": f"{number:012x}",
            "scenario": "rain" if number % 2 else "sun",
            "file": "a.yaml",
            "time_of_day": None,
            "seed": number,
            "state": "done",
            "error": None,
            "attempts": 1,
            "seconds": 1.5,
            "archive": None,
            "contact_sheet": None,
            "provenance": None,
            "futures": [],
        }
        for number in range(num_jobs)
    ]
    jobs[0] |= of_first
    return {"drivesim": "0.1.0", "common": common, "totals": totals, "passed": False, "jobs": jobs}


def test_there_is_a_row_per_scenario_and_a_row_per_job() -> None:
    text = page(report(5), Path())
    assert text.count("data-choose=") == 2
    assert (
        '<tr><td><a href="#" data-choose="sun">sun</a></td><td class="n">3</td><td class="n">3</td><td class="n">0<'
        in text
    )
    assert text.count("<tr data-state=") == 5
    assert text.count("<article ") == 5


def test_file_names_that_are_no_utf_8_and_control_characters_are_shown_escaped(tmp_path: Path) -> None:
    text = page(report(1, file="caf\udce9.yaml", error="\x1b[31mred"), Path())
    assert r"caf\udce9.yaml" in text
    assert r"\x1b[31mred" in text
    assert "\x1b" not in text
    write_text("caf\udce9", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == r"caf\udce9"


HOSTILE = '"><script>alert("x")</script><img src=x onerror=alert(1)> {{ 7 * 7 }} \' &amp; \u202e'


class Page(HTMLParser):
    """Tags, attributes and text of a page as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [name for name, _ in attributes]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_what_a_report_says_is_text_and_no_markup(tmp_path: Path) -> None:
    """Whatever names, files, errors, settings and versions hold."""
    cv2.imwrite(str(tmp_path / "sheet.png"), np.zeros((4, 8, 3), np.uint8))
    future = {"future": 0, "frames": 1, "seconds": {HOSTILE: 1.0}, "video": f"{HOSTILE}.mp4", "content_sha256": HOSTILE}
    texts = dict.fromkeys(("scenario", "error", "file", "archive", "time_of_day"), HOSTILE)
    job = {**texts, "state": "failed", "contact_sheet": "sheet.png", "futures": [future]}
    job["provenance"] = {"versions": {HOSTILE: HOSTILE}}
    plain = Page(page(report(1, **job | dict.fromkeys(texts, "plain")), tmp_path))
    hostile = report(1, **job)
    hostile["common"] = dict.fromkeys(hostile["common"], HOSTILE)
    hostile["drivesim"] = HOSTILE
    shown = Page(page(hostile, tmp_path))
    assert shown.tags == plain.tags
    assert set(shown.attributes) == set(plain.attributes)
    assert shown.tags["script"] == shown.tags["img"] == 1
    assert shown.texts.count(HOSTILE) >= 3


@pytest.mark.parametrize(("num_jobs", "width"), [(1, 1200), (300, 1200), (1200, 600), (30_000, 240)])
def test_a_page_of_many_jobs_has_smaller_pictures(tmp_path: Path, num_jobs: int, width: int) -> None:
    cv2.imwrite(str(tmp_path / "sheet.png"), np.zeros((400, 2000, 3), np.uint8))
    text = page(report(num_jobs, contact_sheet="sheet.png"), tmp_path)
    content = base64.b64decode(re.search(r"data:image/jpeg;base64,([^\"]+)", text)[1])
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (width // 5, width, 3)
