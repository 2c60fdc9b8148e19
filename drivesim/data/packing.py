"""Packing of drive logs into shards: which logs are already packed, and what has to be done for the others."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from drivesim.archive.sealed_json import canonical_json
from drivesim.data.drive_log import DriveLog, content_digest
from drivesim.data.publishing import Claim, sweep
from drivesim.data.shards.shard import PackedLog, ShardDamagedError, read_identity, shard_names, source_paths
from drivesim.data.shards.shard_writer import ShardWriter
from drivesim.errors import FootageError

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]
"""Called with a description of the work, the number of finished items and the number of all items."""

_SHARD_BYTES = 256 * 2**20
"""Size of a shard's frames, which are packed again if one of their logs changes or if packing is killed."""


def silent(text: str, done: int, total: int) -> None:
    """Ignores progress."""


class Packing:
    """Packs `logs` into shards of `height` × `width` in `folder`; `run` may be called again at any time.

    Logs are named by their paths relative to the data folder, which is the parent of the parent of `folder`. They are
    taken in the order of these paths, as many per shard as fit, so an interrupted packing continues with the same
    shards.
    """

    def __init__(self, logs: Sequence[Path], folder: Path, height: int, width: int, on_progress: OnProgress) -> None:
        self.folder, self._size, self._on_progress = folder, (height, width), on_progress
        root = os.path.abspath(folder.parent.parent)
        self._logs = {Path(os.path.relpath(os.path.abspath(log), root)).as_posix(): log for log in logs}

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {path: content_digest(log) for path, log in self._logs.items()}

    def run(self) -> None:
        """Packs all logs that are not packed yet, and warns of logs that cannot be read.

        If another process packs the same footage, it waits for that process.

        Raises:
            FootageError: No frame is left.
            FootageWriteError: Nothing can be written.
        """
        stale, packed = self._survey()
        if stale or len(packed) < len(self._logs):
            with Claim.wait_for(self.folder, self._waiting):
                stale, packed = self._survey()
                for name in stale:
                    _remove(self.folder / name)
                self._pack([path for path in sorted(self._logs, key=_parts) if path not in packed])
                _, packed = self._survey()
        sweep(self.folder.parent)
        sweep(self.folder)
        skipped = [source for source in packed.values() if source.problem is not None]
        for source in skipped:
            logger.warning("%s is left out: %s", self._logs[source.path], source.problem)
        if not any(read_identity(self.folder / name)["num_frames"] for name in shard_names(self.folder)):
            where = self.folder.parent.parent
            if skipped:
                raise FootageError(f"{where}: none of its {len(skipped)} drive logs can be read; record others")
            raise FootageError(f"{where}: no drive logs and no packed footage; make some with `drivesim record`")

    def discard(self, shard: Path) -> bool:
        """Removes a damaged shard and returns True if all its logs are there; otherwise returns False."""
        if not self._replaceable(shard):
            return False
        with Claim.wait_for(self.folder, self._waiting):
            _remove(shard)
        return True

    def _survey(self) -> tuple[list[str], dict[str, PackedLog]]:
        """Returns the names of outdated shards, and the logs that the other shards hold, by path."""
        stale: list[str] = []
        packed: dict[str, PackedLog] = {}
        for name in shard_names(self.folder):
            try:
                sources = [PackedLog(**source) for source in read_identity(self.folder / name)["sources"]]
            except ShardDamagedError:
                if self._replaceable(self.folder / name):
                    stale.append(name)
                continue
            present = [source for source in sources if source.path in self._logs]
            if not present:
                continue  # the shard was recorded without logs, or moved here without them
            if len(present) < len(sources) or any(self._digests[s.path] != s.sha256 for s in present):
                stale.append(name)
            else:
                packed |= {source.path: source for source in sources}
        return stale, packed

    def _replaceable(self, shard: Path) -> bool:
        paths = source_paths(shard) or []
        return bool(paths) and all(path in self._logs for path in paths)

    def _pack(self, paths: Sequence[str]) -> None:
        done = 0
        for group in self._groups(paths):
            inputs = [*self._size, *([path, self._digests[path]] for path in group)]
            name = "logs-" + hashlib.sha256(canonical_json(inputs)).hexdigest()[:16]
            with Claim.acquire(self.folder / name) as claim:
                writer, sources = ShardWriter(claim.start(), *self._size), []
                for path in group:
                    problem = self._add(writer, self._logs[path])
                    sources.append(PackedLog(path, self._digests[path], problem))
                    done += 1
                    self._on_progress("packing logs", done, len(paths))
                writer.finish(sources)
                claim.publish()

    def _groups(self, paths: Sequence[str]) -> Iterator[list[str]]:
        """Yields the logs of each shard."""
        height, width = self._size
        group: list[str] = []
        size = 0
        for path in paths:
            num_frames = 0
            with suppress(FootageError):
                num_frames = DriveLog.open(self._logs[path]).num_frames
            size += num_frames * height * width * 3
            if group and size > _SHARD_BYTES:
                yield group
                group, size = [], num_frames * height * width * 3
            group.append(path)
        if group:
            yield group

    def _add(self, writer: ShardWriter, folder: Path) -> str | None:
        """Adds the frames of a log, or adds none and returns what is wrong with the log."""
        try:
            log = DriveLog.open(folder)
            with writer.log(log.name, log.labels) as add:
                for frame, label in zip(log.stream(), log.labels.frames, strict=True):
                    add(fitted(frame, *self._size), label)
        except FootageError as error:
            return str(error).replace(f"{folder}{os.sep}", "")
        return None

    def _waiting(self, owner: str) -> None:
        self._on_progress(f"waiting for {owner}, which packs the same footage", 0, 1)


def fitted(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns a frame, uint8 `h w 3`, at another size, shrunk by area or enlarged by cubic interpolation."""
    if frame.shape[:2] == (height, width):
        return frame
    how = cv2.INTER_AREA if len(frame) > height else cv2.INTER_CUBIC
    return cv2.resize(frame, (width, height), interpolation=how)


def _parts(path: str) -> list[str]:
    return path.split("/")


def _remove(shard: Path) -> None:
    with Claim.acquire(shard) as claim:
        claim.discard()
