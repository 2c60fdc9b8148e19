"""The report of a batch: `report.json`, `report.html` to look at, and `junit.xml` for CI systems."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import drivesim
from drivesim.archive import Archive, open_archive
from drivesim.archive.export import write_text
from drivesim.batch.plan import BatchPlan, PlannedJob
from drivesim.batch.report_page import page
from drivesim.batch.results import JobResult, read_result
from drivesim.errors import DrivesimError

FORMAT = 1
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_reports(plan: BatchPlan, report: dict[str, Any]) -> list[Path]:
    """Writes all three files into the folder of the batch and returns their paths; earlier ones are replaced whole."""
    contents = {
        "report.json": json.dumps(report, indent=2) + "\n",
        "report.html": page(report, plan.out),
        "junit.xml": junit(report),
    }
    for name, text in contents.items():
        write_text(text, plan.out / name)
    return [plan.out / name for name in contents]


def build_report(plan: BatchPlan, results: Mapping[str, JobResult]) -> dict[str, Any]:
    """Returns, as JSON, the state of every job and of its futures, and what they were made from; paths are relative.

    Args:
        plan: the batch.
        results: results by the id of their job, which a folder that cannot be written does not hold; others are read
            from the folders of the jobs.
    """
    jobs = [_job(plan, job, results.get(job.id) or read_result(job.rollout.out)) for job in plan.jobs]
    states = [job["state"] for job in jobs]
    return {
        "format": FORMAT,
        "drivesim": drivesim.__version__,
        "common": plan.common,
        "passed": all(state == "done" for state in states),
        "totals": {
            "jobs": len(jobs),
            "done": states.count("done"),
            "failed": states.count("failed"),
            "unfinished": len(jobs) - states.count("done") - states.count("failed"),
            "futures": plan.num_futures,
            "worker_seconds": round(sum(job["seconds"] for job in jobs), 1),
        },
        "jobs": jobs,
    }


def _job(plan: BatchPlan, job: PlannedJob, result: JobResult) -> dict[str, Any]:
    rollout, error = job.rollout, result.error
    state = result.state if result.state in ("done", "failed") else "unfinished"
    try:
        archive = open_archive(rollout.archive_path) if rollout.archive_path.is_dir() else None
        if archive is not None:
            archive.require_sound()
    except DrivesimError as damage:
        archive, error, state = None, str(damage), "failed"
    if state == "done" and (archive is None or not archive.complete):
        error, state = "its archive is no longer complete", "failed"
    sheet = rollout.contact_sheet
    return {
        "id": job.id,
        "scenario": rollout.scenario.name,
        "file": str(job.file),
        "time_of_day": rollout.scenario.time_of_day,
        "seed": rollout.seed,
        "state": state,
        "error": error,
        "attempts": result.attempts,
        "seconds": round(result.seconds, 2),
        "archive": _relative(rollout.archive_path, plan.out) if archive else None,
        "identity": archive.manifest.identity if archive else None,
        "contact_sheet": _relative(sheet, plan.out) if sheet.is_file() else None,
        "provenance": archive.provenance if archive else None,
        "futures": [_future(plan, job, result, archive, future) for future in range(rollout.futures)],
    }


def _future(
    plan: BatchPlan, job: PlannedJob, result: JobResult, archive: Archive | None, future: int
) -> dict[str, Any]:
    made = archive.rollouts[future] if archive else None
    video, _ = job.rollout.previews_of(future)
    return {
        "future": future,
        "frames": made.num_committed_frames if made else 0,
        "complete": bool(made and made.complete),
        "content_sha256": made.content_sha256 if made else None,
        "device": job.rollout.device,
        "threads": job.rollout.threads,
        "seconds": result.stages.get(str(future), {}),
        "video": _relative(video, plan.out) if video.is_file() else None,
    }


def junit(report: dict[str, Any]) -> str:
    """Returns a JUnit report with one test case per future; all futures of a failed job have failed."""
    totals = report["totals"]
    suite = ElementTree.Element("testsuite", name="drivesim batch", tests=str(totals["futures"]), errors="0")
    failures = skipped = 0
    for job in report["jobs"]:
        for future in job["futures"]:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=job["scenario"],
                name=f"seed {job['seed']} future {future['future']} ({job['id']})",
                time=f"{sum(future['seconds'].values()):.3f}",
            )
            if job["state"] == "failed":
                failures += 1
                text = _NOT_XML.sub("?", job["error"] or "failed")
                ElementTree.SubElement(case, "failure", message=text.splitlines()[0]).text = text
            elif job["state"] != "done":
                skipped += 1
                ElementTree.SubElement(case, "skipped", message="not finished; the same command continues")
    suite.set("failures", str(failures))
    suite.set("skipped", str(skipped))
    suite.set("time", f"{totals['worker_seconds']:.3f}")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
