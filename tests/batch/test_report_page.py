from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

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
    return {"common": common, "totals": totals, "passed": False, "jobs": jobs}


def test_there_is_a_row_a_scenario_and_a_row_a_job() -> None:
    text = page(report(5), Path())
    assert text.count("data-choose=") == 2
    assert '<tr><td><a href="#" data-choose="sun">sun</a><td class="n">3<td class="n">3<td class="n">0' in text
    assert text.count("<tr data-state=") == 5
    assert text.count("<article ") == 5


def test_what_a_job_says_is_text_and_no_markup() -> None:
    text = page(report(1, error='<script>alert("x")</script>', state="failed", file='"><img src=x>'), Path())
    assert "<script>alert" not in text
    assert "<img" not in text


@pytest.mark.parametrize(("num_jobs", "width"), [(1, 1200), (300, 1200), (1200, 600), (30_000, 240)])
def test_a_page_of_many_jobs_has_smaller_pictures(tmp_path: Path, num_jobs: int, width: int) -> None:
    cv2.imwrite(str(tmp_path / "sheet.png"), np.zeros((400, 2000, 3), np.uint8))
    text = page(report(num_jobs, contact_sheet="sheet.png"), tmp_path)
    content = base64.b64decode(re.search(r"data:image/jpeg;base64,([^\"]+)", text)[1])
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (width // 5, width, 3)
