"""Sessions that record many drive logs with several processes; the same session continues where it stopped."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.archive.files import write_file
from drivesim.archive.sealed_json import seal, unseal
from drivesim.data.drive_log_labels import read_labels
from drivesim.data.publishing import Claim, sweep, writing
from drivesim.errors import ArchiveWriteError, FootageError, FootageWriteError, LockHeldError
from drivesim.world.recording.recorder import Recipe, log_name, record_drive_log
from drivesim.world.recording.workers import RecordWorkers, parent_is_alive
from drivesim.world.rendering.renderer import Renderer

SETTINGS_FILE = "recording.json"
_POLL_S = 0.5


@dataclass(frozen=True)
class RecordSession:
    """Which logs to record.

    The seeds from `first_seed` on are distributed among the workers by stride. The session ends after `num_logs` or
    `minutes`, whichever comes first; a log that has been started is finished.

    Raises:
        FootageError: There is neither a number of logs nor of minutes, or a number is not positive.
    """

    folder: Path
    recipe: Recipe
    first_seed: int
    num_logs: int | None = None
    minutes: float | None = None
    num_workers: int = 2
    supersample: int = 1

    def __post_init__(self) -> None:
        if self.num_logs is None and self.minutes is None:
            raise FootageError("nothing says when the recording ends: give a number of logs, or minutes")
        if not all(n is None or n > 0 for n in (self.num_workers, self.num_logs, self.minutes)):
            raise FootageError("workers, logs and minutes must be positive")
        if self.first_seed < 0:
            raise FootageError(f"expected a first seed of at least 0, got {self.first_seed}")

    def settings(self) -> dict[str, Any]:
        """Returns the settings that all logs of a folder have in common."""
        recipe = self.recipe
        return {
            "fps": recipe.fps,
            "frames": recipe.num_frames,
            "size": f"{recipe.height}x{recipe.width}",
            "stills": recipe.stills,
            "supersample": self.supersample,
            "time_of_day": recipe.time_of_day or "drawn",
        }


@dataclass(frozen=True)
class LogRecorded:
    """One drive log is complete."""

    seed: int
    num_frames: int
    existed: bool
    """Whether an earlier session recorded it."""


def run_session(session: RecordSession) -> Iterator[LogRecorded]:
    """Records the logs of a session and yields a report for each; complete logs stay whatever happens.

    Raises:
        FootageError: The folder holds logs of other settings.
        FootageWriteError: The folder cannot be written.
        DrivesimError: A worker failed.
    """
    require_same_settings(session)
    deadline = None if session.minutes is None else time.monotonic() + 60 * session.minutes
    try:
        sweep(session.folder)
        with RecordWorkers(record_logs, (session, deadline), session.num_workers) as workers:
            yield from workers.all_reports()
    finally:
        sweep(session.folder)


def record_logs(number: int, session: RecordSession, deadline: float | None) -> Iterator[LogRecorded]:
    """Does the work of one process: it records every `num_workers`-th seed with a renderer of its own."""
    import cv2

    cv2.setNumThreads(1)
    renderer: Renderer | None = None
    seeds: Iterable[int] = itertools.count(session.first_seed + number, session.num_workers)
    if session.num_logs is not None:
        seeds = range(session.first_seed + number, session.first_seed + session.num_logs, session.num_workers)
    while True:
        held = []
        for seed in seeds:
            folder = session.folder / log_name(seed)
            existed = folder.exists()
            if not existed:
                if (deadline is not None and time.monotonic() >= deadline) or not parent_is_alive():
                    return
                renderer = renderer or Renderer(session.recipe.width, session.recipe.height, session.supersample)
                try:
                    record_drive_log(seed, session.recipe, folder, renderer)
                except LockHeldError:  # another session is recording it; look again at the end
                    held.append(seed)
                    continue
            yield LogRecorded(seed, session.recipe.num_frames, existed)
        if not held:
            return
        seeds = held
        time.sleep(_POLL_S)


def require_same_settings(session: RecordSession) -> None:
    """Writes the settings of a session into its folder, or compares them with those of the folder.

    If a folder with logs has no such file, the labels of the logs are compared.

    Raises:
        FootageError: The settings differ; the error names those that do.
        FootageWriteError: The folder cannot be written.
    """
    note, settings = session.folder / SETTINGS_FILE, session.settings()
    with writing(session.folder):
        session.folder.mkdir(parents=True, exist_ok=True)
    if note.is_file():
        try:
            there = unseal(note.read_bytes())
        except ValueError as error:
            raise FootageError(f"{note}: {error}; remove it if the logs beside it are intact") from None
        _refuse_other(note, there, settings)
        return
    for log in sorted(session.folder.glob("world_*")):
        try:
            there = _settings_of(log)
        except FootageError:
            continue  # packing will name the broken log
        _refuse_other(log, there, settings)
    with Claim.wait_for(note, lambda owner: None):
        try:
            write_file(note, seal(settings))
        except ArchiveWriteError as error:
            raise FootageWriteError(str(error)) from error


def _settings_of(log: Path) -> dict[str, Any]:
    """Returns the settings of a recorded log, as far as its labels contain them."""
    labels = read_labels(log)
    return {"fps": labels.fps, "frames": len(labels.frames), "size": f"{labels.height}x{labels.width}"}


def _refuse_other(where: Path, there: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = [name for name in there if there[name] != wanted.get(name)]
    if differing:
        names = ", ".join(f"{name} {there[name]} (asked for: {wanted.get(name)})" for name in differing)
        raise FootageError(f"{where}: recorded with other settings: {names}; record into another folder")
