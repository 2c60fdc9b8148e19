"""The page of a rollout, `report.html` beside its videos: futures side by side, boxes, checks, how to repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.archive import Archive, check_archive, open_archive
from drivesim.archive.export import write_text
from drivesim.archive.format.names import HEAD_FILE, rollout_folder
from drivesim.archive.reader import Rollout
from drivesim.detection.adherence import MIN_IOU
from drivesim.detection.matching import match_boxes
from drivesim.engine.threads import cpu_threads
from drivesim.engine.unheeded import unheeded
from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.vehicle_detector import VehicleDetector
from drivesim.rollout.frame_boxes import FrameBoxes, with_boxes
from drivesim.rollout.html import page_of
from drivesim.rollout.job import RolloutJob
from drivesim.scenario.checks.plausibility import findings
from drivesim.scenario.previews.drawing import CATEGORY_COLOURS
from drivesim.scenario.schema.vocabulary import CATEGORIES
from drivesim.wording import counted

PAGE_FILE = "report.html"


@dataclass(frozen=True)
class PageCheck:
    """A line of the page: whether something is as it should be."""

    state: str
    subject: str
    text: str


def write_page(job: RolloutJob, command: str) -> Path | None:
    """Writes the page of a job from its archive and its videos.

    Args:
        job: the job, some futures of which are complete.
        command: the command that makes the same rollout again.

    Returns:
        The path of the page; None if it shows the archive already.

    Raises:
        ArchiveError: the archive is damaged.
        ArchiveWriteError: the page cannot be written.
    """
    path, archive = job.preview_folder / PAGE_FILE, open_archive(job.archive_path)
    shown = [rollout for rollout in archive.rollouts if rollout.complete]
    if _is_current(path, job, archive):
        return None
    checkpoints = CheckpointSet.open(job.checkpoints)
    detector: Any = checkpoints.load(VEHICLE_DETECTOR) if VEHICLE_DETECTOR in checkpoints.roles else None
    with cpu_threads(job.threads):
        boxes = [_boxes_of(rollout, job, detector) for rollout in shown]
    height, width, _ = archive.layout.frame_shape
    data = {
        "fps": archive.layout.fps,
        "frames": archive.layout.num_frames,
        "size": [width, height],
        "colours": {name: f"rgb({', '.join(map(str, colour))})" for name, colour in CATEGORY_COLOURS.items()},
        "requested": boxes[0].requested if boxes else [],
        "detected": [future.detected for future in boxes],
    }
    futures = [{"number": r.future, "video": _file(r, "mp4"), "poster": _file(r, "png")} for r in shown]
    checks = [*_checks(job, archive, checkpoints), *_adherence(shown, boxes)]
    values = {"job": job, "scenario": job.scenario, "num_futures": counted(job.futures, "future")}
    values |= {"futures": futures, "checks": checks, "command": command}
    text = page_of("drivesim.rollout", "rollout.html", **values, data=data, detected=detector is not None)
    write_text(text, path)
    return path


@dataclass
class _Boxes:
    """The boxes of all frames of a future, in pixels with their category, and how many requested ones were found."""

    requested: list[list[list[Any]]]
    detected: list[list[list[Any]]]
    num_requested: int = 0
    num_found: int = 0


def _boxes_of(rollout: Rollout, job: RolloutJob, detector: VehicleDetector | None) -> _Boxes:
    boxes = _Boxes([], [])
    for frame in with_boxes(rollout.frames, job.scenario, rollout.layout.fps, detector):
        requested, detected = _in_pixels(frame)
        boxes.requested.append(requested)
        boxes.detected.append(detected)
        if frame.requested is not None and frame.detected is not None:
            boxes.num_requested += len(frame.requested)
            boxes.num_found += int((match_boxes(frame.requested.xyxy, frame.detected.xyxy, MIN_IOU) >= 0).sum())
    return boxes


def _in_pixels(frame: FrameBoxes) -> tuple[list[list[Any]], list[list[Any]]]:
    height, width, _ = frame.frame.shape
    extent = np.array([width, height, width, height])

    def rows(xyxy: np.ndarray, category: np.ndarray) -> list[list[Any]]:
        edges = np.round(xyxy.reshape(-1, 4) * extent).astype(int).tolist()
        return [[*box, CATEGORIES[index]] for box, index in zip(edges, category, strict=True)]

    requested = [] if frame.requested is None else rows(frame.requested.xyxy, frame.requested.category)
    if frame.detected is None:
        return requested, []
    found = rows(frame.detected.xyxy, frame.detected.category)
    return requested, [[*row, f"{score:.2f}"] for row, score in zip(found, frame.detected.score, strict=True)]


def _checks(job: RolloutJob, archive: Archive, checkpoints: CheckpointSet) -> list[PageCheck]:
    damage = check_archive(job.archive_path, read_data=False)
    windows = sum(rollout.num_committed_windows for rollout in archive.rollouts)
    expected = counted(len(archive.rollouts) * archive.layout.num_windows, "window")
    sound = f"{windows} of {expected} committed; sizes and records are sound"
    checks = [PageCheck("failed", "archive", str(finding)) for finding in damage] or [PageCheck("ok", "archive", sound)]
    warnings = [str(finding) for finding in findings(job.scenario) if not finding.stops]
    checks += [PageCheck("warning", "scenario", text) for text in warnings]
    checks += [] if warnings else [PageCheck("ok", "scenario", "plausible: no warnings")]
    return checks + [PageCheck("warning", "checkpoints", text) for text in unheeded(job.scenario, checkpoints)]


def _adherence(shown: list[Rollout], boxes: list[_Boxes]) -> list[PageCheck]:
    """Says in how many of the requested boxes the detector finds a vehicle; a figure, which has no threshold."""
    checks = []
    for rollout, future in zip(shown, boxes, strict=True):
        if future.num_requested:
            requested = counted(future.num_requested, "requested box", "requested boxes")
            text = f"a vehicle is detected in {future.num_found} of {requested}"
            checks.append(PageCheck("measured", f"future {rollout.future}", text))
    return checks


def _file(rollout: Rollout, ending: str) -> str:
    return f"future_{rollout.future:02d}.{ending}"


def _is_current(path: Path, job: RolloutJob, archive: Archive) -> bool:
    heads = (job.archive_path / rollout_folder(rollout.future) / HEAD_FILE for rollout in archive.rollouts)
    return path.is_file() and all(path.stat().st_mtime_ns >= head.stat().st_mtime_ns for head in heads)
