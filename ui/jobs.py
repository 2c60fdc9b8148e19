"""A queue of rollouts that run one after another in separate processes, with the progress of each."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivesim.errors import DrivesimError, InputError
from drivesim.scenario import Scenario, scenario_yaml
from ui.progress import FutureProgress, Pace
from ui.settings import UiSettings

MAX_WAITING = 8
MAX_REMEMBERED = 64
MAX_SECONDS = 600.0
WAITING, RUNNING, DONE, CANCELLED, FAILED = "waiting", "running", "done", "cancelled", "failed"
ACTIVE = (WAITING, RUNNING)


@dataclass
class JobState:
    """One rollout as the page shows it; `archive` is its folder, and `error` is the reason if it failed."""

    id: str
    name: str
    archive: Path
    state: str = WAITING
    futures: list[FutureProgress] = field(default_factory=list)
    started: float = 0.0
    ended: float = 0.0
    error: str = ""
    pace: Pace = field(default_factory=Pace)

    @property
    def fraction(self) -> float:
        """The completed fraction of all futures."""
        return sum(future.fraction for future in self.futures) / max(1, len(self.futures))


class Jobs:
    """A queue of rollouts of which one runs at a time; it is safe to use from several threads."""

    def __init__(self, settings: UiSettings) -> None:
        self._settings = settings
        self._jobs: OrderedDict[str, tuple[JobState, Any]] = OrderedDict()
        self._running: tuple[str, Any] | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="rollouts", daemon=True)
        self._thread.start()

    def submit(self, scenario: Scenario, preset: str) -> str:
        """Queues the futures of a scenario and returns the id of the job. An interrupted one continues.

        Raises:
            InputError: Too many rollouts are waiting, or this one is too long.
        """
        job = rollout_job(scenario, preset, self._settings)
        with self._changed:
            for state, known in self._jobs.values():
                if known == job and state.state in ACTIVE:
                    return state.id
            if sum(state.state == WAITING for state, _ in self._jobs.values()) >= MAX_WAITING:
                raise InputError(f"{MAX_WAITING} rollouts are waiting already; try again when one is done")
            state = JobState(secrets.token_hex(8), scenario.name, job.archive_path)
            state.futures = [FutureProgress() for _ in range(job.futures)]
            self._jobs[state.id] = (state, job)
            self._forget()
            self._changed.notify_all()
        return state.id

    def get(self, key: str) -> JobState | None:
        """Returns the job with an id, or None."""
        with self._changed:
            return self._jobs[key][0] if key in self._jobs else None

    def current(self) -> JobState | None:
        """Returns the job that is running, or else the first that is waiting, or None."""
        with self._changed:
            return next((state for state, _ in self._jobs.values() if state.state in ACTIVE), None)

    def cancel(self, key: str) -> None:
        """Stops a job immediately. The committed frames are kept, and the same scenario continues from there."""
        with self._changed:
            state = self._jobs[key][0] if key in self._jobs else None
            if state is None or state.state not in ACTIVE:
                return
            state.state, state.ended = CANCELLED, time.monotonic()
            running = self._running[1] if self._running and self._running[0] == key else None
        if running is not None:
            running.cancel()

    def close(self) -> None:
        """Stops all jobs; no job runs afterwards."""
        with self._changed:
            self._closed = True
            active = [state.id for state, _ in self._jobs.values() if state.state in ACTIVE]
            self._changed.notify_all()
        for key in active:
            self.cancel(key)

    def _forget(self) -> None:
        for key in [key for key, (state, _) in self._jobs.items() if state.state not in ACTIVE]:
            if len(self._jobs) <= MAX_REMEMBERED:
                return
            del self._jobs[key]

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next() is not None)
                following = self._next()
                if self._closed or following is None:
                    return
                state, job = following
                state.state, state.started = RUNNING, time.monotonic()
            self._run(state, job)

    def _next(self) -> tuple[JobState, Any] | None:
        return next(((state, job) for state, job in self._jobs.values() if state.state == WAITING), None)

    def _run(self, state: JobState, job: Any) -> None:
        from drivesim.rollout import BackgroundRollout

        try:
            _write_scenario(job)
            rollout = BackgroundRollout(job)
            with self._changed:
                self._running = (state.id, rollout)
                cancelled = state.state == CANCELLED
            if cancelled:
                rollout.cancel()
            for event in rollout.events():
                _advance(state, event, time.monotonic())
            ended, error = DONE, ""
        except (DrivesimError, OSError) as problem:
            ended, error = FAILED, str(problem)
        with self._changed:
            self._running = None
            if state.state != CANCELLED:
                state.state, state.error, state.ended = ended, error, time.monotonic()


def rollout_job(scenario: Scenario, preset: str, settings: UiSettings) -> Any:
    """Returns the `RolloutJob` of a scenario. The same bits always go to the same subfolder of the output folder.

    Raises:
        InputError: There is no such preset, or the futures are longer than the page allows.
    """
    from drivesim.engine import settings_named
    from drivesim.rollout import RolloutJob, chosen_device, default_workers

    settings_named(preset)
    seconds = scenario.duration_s * scenario.futures
    if seconds > MAX_SECONDS:
        limit = f"the page makes at most {MAX_SECONDS:g} s in all; use the command line for more"
        raise InputError(f"{scenario.futures} futures of {scenario.duration_s:g} s: {limit}")
    device = chosen_device(settings.device)
    fixed = json.dumps([scenario.canonical(), scenario.futures, preset, str(settings.checkpoints)], sort_keys=True)
    folder = settings.out / f"{scenario.name}-{hashlib.sha256(fixed.encode()).hexdigest()[:8]}"
    return RolloutJob(
        scenario,
        folder,
        settings.checkpoints,
        scenario.seed,
        scenario.futures,
        preset,
        device,
        settings.threads,
        settings.workers or default_workers(device, settings.threads),
    )


def _write_scenario(job: Any) -> None:
    """Writes the scenario beside its archive, with a copy of its picture, so that the folder documents itself."""
    job.out.mkdir(parents=True, exist_ok=True)
    scenario = job.scenario
    if scenario.first_frame is not None:
        picture = Path(scenario.first_frame)
        (job.out / picture.name).write_bytes(picture.read_bytes())
        scenario = scenario.model_copy(update={"first_frame": picture.name})
    (job.out / f"{scenario.name}.yaml").write_text(scenario_yaml(scenario), encoding="utf-8")


def _advance(state: JobState, event: Any, now: float) -> None:
    from drivesim.rollout import Committed, Opened, Progress

    match event:
        case Opened():
            for future, committed in zip(state.futures, event.committed, strict=True):
                future.windows = [float(window < committed) for window in range(event.num_windows)]
                future.stage = "done" if committed == event.num_windows else "starting"
        case Progress():
            future = state.futures[event.future]
            future.stage, future.window = event.stage, event.window
            future.reach(event.window, event.fraction)
            future.pace.observe(now, future.fraction)
            state.pace.observe(now, state.fraction)
        case Committed():
            future = state.futures[event.future]
            future.reach(event.window, 1.0)
            if future.fraction == 1:
                future.stage = "done"
