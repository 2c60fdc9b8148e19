"""The store that windows are written through: zarr encodes them, and every file is made durable and hashed."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import Buffer

from drivesim.archive.files import LocalFiles, write_file
from drivesim.archive.format.commit import CommitRecord, Records
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import rollout_folder, window_files
from drivesim.archive.sealed_json import sha256
from drivesim.archive.stores.committed import ArchiveStore


class WindowStore(ArchiveStore):
    """The archive's arrays at full shape, of which one window at a time may be written.

    A chunk without a record reads as empty, whatever a killed run left in its file: zarr fills a short last chunk up
    with what it reads.
    """

    supports_writes = True

    def __init__(self, path: Path, layout: ArchiveLayout, records: Records) -> None:
        super().__init__(LocalFiles(path), layout, records)
        self._path = path
        self._arrays: dict[str, zarr.Array[Any]] = {}
        self._writing = threading.Lock()
        self._writable: frozenset[str] = frozenset()
        self._written: dict[str, tuple[int, str]] = {}

    def write_window(
        self, future: int, window: int, latents: np.ndarray, frames: np.ndarray | None
    ) -> dict[str, tuple[int, str]]:
        """Writes every chunk file of a window; the caller then syncs their folders.

        zarr is given one chunk at a time, so that files are written in one order. It works in threads of its own,
        which go on after an error or Ctrl-C; once this method has returned or raised, they write nothing more.

        Args:
            future: Number of the future.
            window: Number of the window.
            latents: float32 (t, c, h, w).
            frames: uint8 (t, h, w, c), None where the layout keeps none.

        Returns:
            Size and sha256 of each file, by its path inside the future's folder.

        Raises:
            ArchiveWriteError: A file could not be written.
        """
        folder = rollout_folder(future)
        self._writable = frozenset(f"{folder}/{file}" for file in window_files(self._layout, window))
        self._written = {}
        try:
            self._array(f"{folder}/latents")[window] = latents
            if frames is not None:
                first, length = self._layout.frame_range(window).start, self._layout.frames_per_chunk
                for start in range(0, len(frames), length):
                    part = frames[start : start + length]
                    self._array(f"{folder}/frames")[first + start : first + start + len(part)] = part
        finally:
            with self._writing:
                self._writable = frozenset()
        return {key.removeprefix(f"{folder}/"): entry for key, entry in self._written.items()}

    def add(self, record: CommitRecord) -> None:
        """Shows a window that was committed."""
        folder = rollout_folder(record.future)
        self._chunks.update({f"{folder}/{file}": (record, file) for file in record.chunks})

    def latents(self, future: int, window: int) -> np.ndarray:
        """Returns the latents of a committed window, float32 (t, c, h, w).

        Raises:
            ArchiveError: They are not what was committed.
        """
        return np.asarray(self._array(f"{rollout_folder(future)}/latents")[window])

    async def set(self, key: str, value: Buffer) -> None:
        """Writes a chunk of the window in hand durably, and keep its size and sha256."""
        await asyncio.to_thread(self._write, key, value.as_numpy_array().data)

    def _write(self, key: str, content: memoryview) -> None:
        with self._writing:
            if key not in self._writable:
                self._refuse()
            write_file(self._path / key, content)
            self._written[key] = (len(content), sha256(content))

    def _num_shown(self, future: int) -> int:
        return self._layout.num_windows

    def _array(self, path: str) -> zarr.Array[Any]:
        if path not in self._arrays:
            array = zarr.open_array(self, path=path, mode="r+")
            self._arrays[path] = array.with_config({"write_empty_chunks": True})
        return self._arrays[path]
