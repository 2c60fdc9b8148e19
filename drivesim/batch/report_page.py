"""The page `report.html`: one file with all contact sheets in it, to be read and filtered in a browser."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2

from drivesim.escapes import escaped
from drivesim.rollout.html import page_of

_JPEG_QUALITY = 80
_WIDEST, _NARROWEST = 1200, 240  # of a contact sheet, px
_AT_FULL_WIDTH = 300  # jobs; more of them get smaller pictures, so that a page of thousands still opens
_STATES = ("done", "failed", "unfinished")


def page(report: Mapping[str, Any], folder: Path) -> str:
    """Returns the page of a report.

    All text of the report is escaped, so that names and errors are shown as they are and in printable characters.

    Args:
        report: see `drivesim.batch.report.build_report`.
        folder: the folder that the paths in the report are relative to.
    """
    jobs, width = report["jobs"], _sheet_width(len(report["jobs"]))
    return page_of(
        "drivesim.batch",
        "report.html",
        report=report,
        totals=report["totals"],
        common=report["common"],
        states=_STATES,
        scenarios=list(_scenarios(jobs)),
        jobs=[_shown(job, folder, width) for job in jobs],
    )


def _shown(job: dict[str, Any], folder: Path, width: int) -> dict[str, Any]:
    """A job with what the template shows of it beside what the report says. Pictures are read one by one."""
    texts = {name: job[name] and escaped(job[name]) for name in ("file", "error")}
    words = f"{job['scenario']} {job['seed']} {job['id']} {job['time_of_day'] or ''} {texts['error'] or ''}".lower()
    versions = (job["provenance"] or {}).get("versions", {})
    made_by = ", ".join(f"{name} {version}" for name, version in versions.items())
    picture = partial(_picture, folder / job["contact_sheet"], width) if job["contact_sheet"] else None
    return {**job, **texts, "words": words, "made_by": made_by, "picture": picture}


def _scenarios(jobs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The name of each scenario, and its number of jobs, of jobs in each state, and of futures, and its seconds."""

    def name(job: dict[str, Any]) -> str:
        return str(job["scenario"])

    for scenario, grouped in groupby(sorted(jobs, key=name), name):
        found = list(grouped)
        states = [job["state"] for job in found]
        counts = [len(found), *(states.count(state) for state in _STATES)]
        futures, seconds = sum(len(job["futures"]) for job in found), sum(job["seconds"] for job in found)
        yield {"name": scenario, "figures": [*counts, futures, f"{seconds:.1f}"]}


def _sheet_width(num_jobs: int) -> int:
    return max(_NARROWEST, min(_WIDEST, round(_WIDEST * math.sqrt(_AT_FULL_WIDTH / max(1, num_jobs)))))


def _picture(path: Path, max_width: int) -> str:
    """A PNG as the data of a smaller JPEG; an empty text if it cannot be read."""
    picture = cv2.imread(str(path))
    if picture is None:
        return ""
    height, width = picture.shape[:2]
    if width > max_width:
        size = (max_width, max(1, round(height * max_width / width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"
