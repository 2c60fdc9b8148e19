"""The progress of a rollout as HTML."""

from __future__ import annotations

import html
import time

from ui.jobs import CANCELLED, DONE, FAILED, RUNNING, WAITING, JobState
from ui.progress import FutureProgress, StageProgress, stage_progress

_STAGES = {
    "predict": "keyframes",
    "interpolate": "interpolation",
    "decode": "decoding",
    "upsample": "enlarging",
}
_AT_WORK = {
    "waiting": "waiting",
    "starting": "loading models",
    "first frame": "first frame",
    "done": "done",
    **_STAGES,
}
"""What is being done to a future."""
_WITHOUT_WINDOW = ("waiting", "starting", "done")


def progress_html(job: JobState | None) -> str:
    """Returns the state of a job, its stages over all futures, and its futures, each with a bar and the time left."""
    if job is None:
        return ""
    now = time.monotonic()
    lines = [_future_line(job, number, future, now) for number, future in enumerate(job.futures)]
    stages = "".join(map(_stage_cell, stage_progress(job.futures, job.pace))) if job.state == RUNNING else ""
    marks = f'data-state="{job.state}" data-job="{job.id}"'
    cells = f'<div class="ds-stages">{stages}</div>' if stages else ""
    return f'<div class="ds-jobs" {marks}>{_headline(job, now)}{cells}{"".join(lines)}</div>'


def _stage_cell(stage: StageProgress) -> str:
    name = _STAGES.get(stage.stage, stage.stage)
    left = "" if stage.seconds_left is None or stage.fraction >= 1 else f", {_left(stage.seconds_left)}"
    text = f"{name} {stage.fraction:.0%}{left}"
    return f'<div class="ds-stage-cell" data-stage="{stage.stage}">{_bar(stage.fraction)}<span>{text}</span></div>'


def _future_line(job: JobState, number: int, future: FutureProgress, now: float) -> str:
    stage = "starting" if job.state == RUNNING and future.stage == "waiting" else future.stage
    words = _AT_WORK.get(stage, stage)
    if len(future.windows) > 1 and stage not in _WITHOUT_WINDOW:
        words = f"window {future.window + 1} of {len(future.windows)}: {words}"
    if job.state == RUNNING and future.fraction < 1:
        left = future.pace.seconds_left(now)
        words = f"{future.fraction:.0%}, {words}{'' if left is None else f', {_left(left)}'}"
    elif job.state in (CANCELLED, FAILED) and future.fraction < 1:
        words = f"stopped at {future.fraction:.0%}"
    return (
        f'<div class="ds-job-line"><span>Future {number}</span>{_bar(future.fraction)}'
        f"<span>{html.escape(words)}</span></div>"
    )


def _bar(fraction: float) -> str:
    done = f"{fraction:.0%}"
    inner = f'<div style="width:{done}"></div>'
    return f'<div class="ds-progress" role="progressbar" aria-valuetext="{done}">{inner}</div>'


def _headline(job: JobState, now: float) -> str:
    name = html.escape(job.name)
    match job.state:
        case s if s == WAITING:
            text = f"{name} waits for the rollout before it."
        case s if s == RUNNING:
            left = job.pace.seconds_left(now)
            pace = "" if left is None else f", {_left(left)}"
            text = f"{name}: {job.fraction:.0%}, {_duration(now - job.started)} so far{pace}"
        case s if s == DONE:
            folder = html.escape(job.archive.parent.name)
            text = (
                f"{name}: done in {_duration(job.ended - job.started)}. "
                f"It is stored in {folder} and stays in the Archives tab."
            )
        case s if s == CANCELLED:
            text = f"{name}: cancelled. Finished frames are kept; Roll out continues from there."
        case _:
            return f'<p class="ds-bad">{name}: {html.escape(job.error)}</p>'
    return f'<p class="ds-note">{text}</p>'


def _left(seconds: float) -> str:
    return "a moment left" if seconds < 1 else f"about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
