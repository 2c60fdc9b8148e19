"""An ingest, which converts several recordings at a time into drive logs and continues an interrupted run.

out/
    ingest.json             the settings, the same for all drive logs of the folder
    .ingest/<name>.json     one note per finished recording: its inputs and its results
    <name>~000/             drive logs
    summary.json, contact_sheet.png
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from drivesim import durable
from drivesim.archive.sealed_json import seal, unseal
from drivesim.data.drive_log import HELD_OUT_MARK, PART_MARK
from drivesim.data.ingest.recording import ParquetPictures, PictureFiles, Recording, Rejected, VideoFile
from drivesim.data.ingest.settings import IngestSettings
from drivesim.data.publishing import Claim, sweep, writing
from drivesim.errors import FootageError
from drivesim.regular_files import create_own, read_regular

SETTINGS_FILE = "ingest.json"
NOTES_FOLDER = ".ingest"
_MAX_NAME = 80
_BEGUN = "begun"
_MAX_PROBLEMS = 20

State = Literal["done", "partly", "rejected"]


@dataclass(frozen=True)
class Ingested:
    """A finished recording.

    Attributes:
        name: Name of the recording.
        state: `done`; `partly` if it has problems but gave drive logs; `rejected` if it gave none.
        logs: Names of its drive logs.
        problems: Sentences that describe what is wrong with it.
        counts: Numbers of frames, such as decoded, repeated, out_of_order and used.
        existed: Whether an earlier run made its drive logs.
    """

    name: str
    state: State
    logs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    counts: dict[str, float] = field(default_factory=dict)
    existed: bool = False


@dataclass(frozen=True)
class Underway:
    """Progress: the number of frames of a recording that have been used so far."""

    name: str
    frames: int


def ingest(
    found: Iterable[Recording | Rejected], out: Path, settings: IngestSettings, num_workers: int = 1
) -> Iterator[Ingested | Underway]:
    """Makes drive logs in the folder `out`, and yields progress and results.

    Raises:
        FootageError: The folder was made with other settings, or cannot be written to.
        FootageWriteError: The disk is full; complete drive logs are kept.
        InputError: A network or the mask cannot be used.
    """
    from drivesim.data.ingest.workers import Failed, IngestWorkers

    prepare(out, settings)
    rejected: list[Ingested] = []
    existing: list[Ingested] = []

    def to_do() -> Iterator[Recording]:
        names: set[str] = set()
        for item in found:
            if isinstance(item, Rejected):
                rejected.append(Ingested(item.name, "rejected", problems=(item.reason,)))
                continue
            item = _named_apart(item, names)
            note = _read_note(out, item.name)
            if note is not None and note["identity"] == identity(item) and note["state"] != _BEGUN:
                existing.append(_from_note(item.name, note))
                continue
            if note is None or note["identity"] != identity(item):
                _forget(out, item.name)
                _write_note(out, item, {"state": _BEGUN})
            yield item

    logs: dict[str, list[str]] = {}
    try:
        with IngestWorkers(out, settings, num_workers) as workers:
            for recording, event in workers.run(to_do()):
                yield from _drained(rejected, existing)
                kind = type(event).__name__
                if kind == "Decoding":
                    yield Underway(recording.name, event.frames)
                elif kind == "LogMade":
                    logs.setdefault(recording.name, []).append(event.name)
                else:
                    made = tuple(logs.pop(recording.name, ()))
                    if isinstance(event, Failed):
                        done = _failed(recording, made, event)
                    else:
                        done = _converted(recording, made, event)
                    _write_note(out, recording, _as_note(done))
                    yield done
            yield from _drained(rejected, existing)
    finally:
        sweep(out)


def prepare(out: Path, settings: IngestSettings) -> None:
    """Writes the settings into the folder, or compares them with those that an earlier run wrote.

    Raises:
        FootageError: The settings differ; the error names the differences.
    """
    wanted = settings.described()
    with writing(out):
        (out / NOTES_FOLDER).mkdir(parents=True, exist_ok=True)
    sweep(out)
    note = out / SETTINGS_FILE
    with Claim.wait_for(note, lambda owner: None):
        if not note.is_file():
            with writing(note):
                durable.write_changed_file(note, seal(wanted))
            return
    try:
        there = unseal(read_regular(note))
    except (OSError, ValueError) as error:
        raise FootageError(f"{note}: {error}; remove it if the drive logs beside it are sound") from None
    differing = [name for name in wanted if there.get(name) != wanted[name]]
    if differing:
        names = ", ".join(f"{name} {there.get(name)} (asked for: {wanted[name]})" for name in differing)
        raise FootageError(f"{out}: was ingested with other settings: {names}; ingest into another folder")


def identity(recording: Recording) -> str:
    """Returns a digest that depends on the files and labels of a recording, but not on its place on the disk."""
    media = recording.media
    paths: Sequence[Path] = media.paths if isinstance(media, PictureFiles) else (media.path,)
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = path.stat()
            digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path.name} is missing\n".encode())
    times = media.frame_times_s if isinstance(media, VideoFile) else media.times_s
    rows = media.rows if isinstance(media, ParquetPictures) else None
    labels = None if recording.vehicles is None else sorted(recording.vehicles.items())
    digest.update(repr((times, rows, labels, recording.ego_motion, recording.time_of_day, recording.camera)).encode())
    return digest.hexdigest()


def safe_name(name: str) -> str:
    """Returns a name for drive logs from any text: letters, digits, `_`, `-` and `.`; long names end with a digest."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._") or "recording"
    if len(safe) > _MAX_NAME:
        safe = f"{safe[: _MAX_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return safe


def held_out(recordings: Iterable[Recording | Rejected], names: Sequence[str]) -> Iterator[Recording | Rejected]:
    """Yields the same recordings, and marks those with these names as held out from training.

    Raises:
        FootageError: At the end, if no recording has one of the names.
    """
    unseen = set(names)
    for item in recordings:
        if item.name in names:
            unseen.discard(item.name)
            if isinstance(item, Recording):
                item = replace(item, name=HELD_OUT_MARK + item.name)
        yield item
    if unseen:
        raise FootageError(f"--held-out: there is no recording called {', '.join(sorted(unseen))}")


def _named_apart(recording: Recording, names: set[str]) -> Recording:
    safe = safe_name(recording.name)
    name, count = safe, 1
    while name in names:
        count += 1
        name = f"{safe}-{count}"
    names.add(name)
    return replace(recording, name=name)


def _drained(*lists: list[Ingested]) -> Iterator[Ingested]:
    for items in lists:
        while items:
            yield items.pop(0)


def _converted(recording: Recording, logs: tuple[str, ...], event: Any) -> Ingested:
    counts, problems = asdict(event.counts), list(event.problems)
    if not logs and not problems:
        problems.append("no frames of it can be used")
    state: State = "rejected" if not logs else "partly" if problems else "done"
    return Ingested(recording.name, state, logs, _shortened(problems), counts)


def _failed(recording: Recording, logs: tuple[str, ...], event: Any) -> Ingested:
    return Ingested(recording.name, "partly" if logs else "rejected", logs, (event.reason,))


def _shortened(problems: Sequence[str]) -> tuple[str, ...]:
    more = len(problems) - _MAX_PROBLEMS
    return (*problems[:_MAX_PROBLEMS], *((f"and {more} more",) if more > 0 else ()))


def _note_path(out: Path, name: str) -> Path:
    return out / NOTES_FOLDER / f"{name}.json"


def _read_note(out: Path, name: str) -> dict[str, Any] | None:
    try:
        return unseal(read_regular(_note_path(out, name)))
    except (OSError, ValueError):
        return None


def _write_note(out: Path, recording: Recording, content: dict[str, Any]) -> None:
    """Writes a note completely or not at all; if a loss of power destroys it, the recording is ingested again."""
    path = _note_path(out, recording.name)
    with writing(path):
        temporary = path.with_suffix(".tmp")
        with open(create_own(temporary), "wb") as file:
            file.write(seal({"identity": identity(recording), **content}))
        temporary.replace(path)


def _as_note(done: Ingested) -> dict[str, Any]:
    lists = {"logs": list(done.logs), "problems": list(done.problems)}
    return {"state": done.state, "counts": done.counts, **lists}


def _from_note(name: str, note: dict[str, Any]) -> Ingested:
    return Ingested(name, note["state"], tuple(note["logs"]), tuple(note["problems"]), note["counts"], existed=True)


def _forget(out: Path, name: str) -> None:
    """Removes the drive logs of an earlier version of a recording."""
    for folder in sorted(out.glob(f"{name}{PART_MARK}[0-9]*")):
        with Claim.acquire(folder) as claim:
            claim.discard()
