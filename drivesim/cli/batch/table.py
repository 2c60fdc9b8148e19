"""The live table of a batch: what runs, how many jobs are done and failed, futures per hour, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table

from drivesim.cli.lines import console, say
from drivesim.wording import counted

if TYPE_CHECKING:
    from drivesim.batch.plan import BatchPlan
    from drivesim.batch.results import JobResult
    from drivesim.batch.runner import BatchEvent


@dataclass
class BatchProgress:
    """What the events of a batch add up to. The speed counts only the futures that this run has made."""

    num_jobs: int
    num_futures: int
    started_s: float
    states: dict[str, str] = field(default_factory=dict)
    futures_before: int = 0
    futures_done: int = 0
    steps: dict[str, str] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)

    def add(self, event: BatchEvent) -> None:
        """Takes in an event."""
        job = event.job
        self.states[job.id] = event.result.state
        match event.result.state:
            case "running":
                self.attempted.add(job.id)
                self.steps[job.id] = f"{job.title}: {_described(event.step)}"
                return
            case "done" if job.id not in self.attempted:
                self.futures_before += job.rollout.futures
            case "done" | "failed":
                self.futures_done += job.rollout.futures
        self.steps.pop(job.id, None)

    def count(self, state: str) -> int:
        """Returns the number of jobs in a state."""
        return sum(of_job == state for of_job in self.states.values())

    def futures_per_hour(self, now_s: float) -> float:
        """Returns the speed of this run."""
        return 3600 * self.futures_done / max(1e-9, now_s - self.started_s)

    def seconds_left(self, now_s: float) -> float | None:
        """Returns the time left at the speed of this run; None before its first job is over."""
        left = self.num_futures - self.futures_before - self.futures_done
        speed = self.futures_per_hour(now_s)
        return 3600 * left / speed if speed else None


def follow(plan: BatchPlan, events: Iterable[BatchEvent]) -> dict[str, JobResult]:
    """Runs a batch and shows a table on stderr, or one line per finished job if stderr is no terminal.

    Returns:
        The result of each job by its id.
    """
    results: dict[str, JobResult] = {}
    progress = BatchProgress(len(plan.jobs), plan.num_futures, time.monotonic())
    if not sys.stderr.isatty():
        for event in events:
            progress.add(event)
            results[event.job.id] = event.result
            if event.step is None and event.result.state != "running":
                error = f": {event.result.error}" if event.result.error else ""
                say(f"{event.result.state}: {event.job.title}{error}", err=True)
        return results
    with Live(console=console(), refresh_per_second=2) as live:
        for event in events:
            progress.add(event)
            results[event.job.id] = event.result
            live.update(_table(progress))
    return results


def _table(progress: BatchProgress) -> Table:
    now = time.monotonic()
    left = progress.seconds_left(now)
    eta = "–" if left is None else f"{left / 60:.0f} min"
    counts = "  ".join(f"{state} {progress.count(state)}" for state in ("done", "running", "failed"))
    title = f"{counted(progress.num_jobs, 'job')}  {counts}  {progress.futures_per_hour(now):.1f} futures/h  left {eta}"
    table = Table("running", title=title, title_justify="left", min_width=60)
    for step in progress.steps.values():
        table.add_row(step)
    return table


def _described(step: object) -> str:
    future, window, stage = (getattr(step, name, None) for name in ("future", "window", "stage"))
    if window is None:
        return "starting" if step is None else type(step).__name__.lower()
    return f"future {future} window {window} {stage or 'committed'}"
