"""The rollouts in the output folder. The browser knows each of them by an id and never by a path."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.archive import Archive, open_archive
from drivesim.errors import InputError
from drivesim.scenario import Scenario
from ui.media import ByteCache, jpeg
from ui.zip_stream import zipped

MAX_LISTED = 500
MAX_DOWNLOAD_BYTES = 2 << 30
_DEPTH = 2
_MAX_READING, _MAX_OPEN = 4, 16
_FRESH_S = 0.5


@dataclass(frozen=True)
class ArchiveEntry:
    """An archive in the output folder.

    `title` is its path within the folder, without the suffix, or the folder of the rollout if that has its name.
    """

    id: str
    title: str
    path: Path
    modified: float


class Archives:
    """The archives in one folder: lists, opens and serves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._frames = ByteCache()
        self._reading = threading.BoundedSemaphore(_MAX_READING)
        self._lock = threading.Lock()
        self._listed: tuple[float, list[ArchiveEntry]] | None = None
        self._opened: OrderedDict[str, tuple[float, int, Archive]] = OrderedDict()

    def entries(self) -> list[ArchiveEntry]:
        """Returns all archives up to two folders deep, newest first."""
        found = []
        for depth in range(_DEPTH + 1):
            for path in self.folder.glob("*/" * depth + "*.zarr"):
                if path.is_dir() and not path.is_symlink():
                    place = path.relative_to(self.folder).with_suffix("")
                    title = place.parent if place.parent.name.startswith(f"{place.name}-") else place
                    found.append(ArchiveEntry(_id(str(place)), str(title), path, path.stat().st_mtime))
        return sorted(found, key=lambda entry: (-entry.modified, entry.title))[:MAX_LISTED]

    def entry(self, key: str) -> ArchiveEntry:
        """Returns the archive with an id.

        Raises:
            InputError: No archive has this id.
        """
        with self._lock:
            if self._listed is None or time.monotonic() - self._listed[0] > _FRESH_S:
                self._listed = (time.monotonic(), self.entries())
            for entry in self._listed[1]:
                if entry.id == key:
                    return entry
        raise InputError("this rollout no longer exists; open the list again")

    def key_of(self, path: Path) -> str:
        """Returns the id of an archive in the folder."""
        return _id(str(path.relative_to(self.folder).with_suffix("")))

    def open(self, key: str) -> Archive:
        """Returns the opened archive with an id; what it shows is at most half a second old.

        Raises:
            InputError: No archive has this id.
            ArchiveError: The archive is damaged.
        """
        path = self.entry(key).path
        stamp = _stamp(path)
        with self._lock:
            opened, known, archive = self._opened.get(key, (0.0, 0, None))
        if archive is not None and known == stamp and (archive.complete or time.monotonic() - opened < _FRESH_S):
            return archive
        archive = open_archive(path)
        with self._lock:
            self._opened[key] = (time.monotonic(), stamp, archive)
            self._opened.move_to_end(key)
            while len(self._opened) > _MAX_OPEN:
                self._opened.popitem(last=False)
        return archive

    def frame(self, key: str, future: int, index: int) -> np.ndarray:
        """Returns one committed frame, uint8 `h w 3` RGB.

        Raises:
            InputError: No archive has this id, or it has no such future.
            ArchiveError: The archive is damaged, or the frame is not committed yet.
        """
        archive = self.open(key)
        if not 0 <= future < len(archive.rollouts) or index < 0:
            raise InputError("there is no such future or frame")
        with self._reading:
            return archive.rollouts[future].frames[index]

    def frame_jpeg(self, key: str, future: int, index: int) -> bytes:
        """Returns the same frame as JPEG. Committed frames never change, so each is encoded only once."""
        archive_path = self.entry(key).path
        mark = (key, _stamp(archive_path), future, index)
        content = self._frames.get(mark)
        if content is None:
            content = jpeg(self.frame(key, future, index))
            self._frames.put(mark, content)
        return content

    def video(self, key: str, future: int) -> Path:
        """Returns the path of the mp4 file beside an archive.

        Raises:
            InputError: The file is not written yet.
        """
        entry = self.entry(key)
        path = entry.path.with_suffix("") / f"future_{future:02d}.mp4"
        if not 0 <= future < 10_000 or not path.is_file():
            raise InputError("this future has no video yet")
        return path

    def download(self, key: str) -> Iterator[bytes]:
        """Returns a zip file of the whole archive in chunks.

        Raises:
            InputError: The archive is too large for a download in the browser; raised before the first chunk.
        """
        entry = self.entry(key)
        files = sorted(path for path in entry.path.rglob("*") if path.is_file() and not path.is_symlink())
        size = sum(path.stat().st_size for path in files)
        if size > MAX_DOWNLOAD_BYTES:
            raise InputError(f"the archive takes {size >> 20} MiB; copy its folder instead")
        return zipped(entry.path, files)


def scenario_of(archive: Archive) -> Scenario:
    """Returns the scenario that an archive was made from.

    Raises:
        InputError: The archive records no scenario.
    """
    try:
        return Scenario.model_validate_json(json.dumps(archive.provenance["scenario"]))
    except (KeyError, TypeError, ValueError):
        raise InputError("this archive does not record its scenario") from None


def summary(archive: Archive) -> str:
    """Returns a short description of what an archive holds."""
    layout = archive.layout
    seconds = layout.num_frames / layout.fps
    state = "complete" if archive.complete else "not complete"
    futures = "1 future" if layout.num_futures == 1 else f"{layout.num_futures} futures"
    return f"{futures} of {seconds:g} s, {layout.num_frames} frames each, {state}"


def _id(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _stamp(path: Path) -> int:
    """Returns a number that changes when the archive is replaced by another one of the same name."""
    try:
        return (path / "drivesim.json").stat().st_mtime_ns
    except OSError:
        return 0
