"""Write an archive window by window, so that a kill at any instant loses at most the window in hand.

To resume, open the same path with the same inputs: `committed_windows` says where to go on, and `latents` returns what
the next window is conditioned on. A resumed archive is byte-identical to one that was never interrupted.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesim import durable
from drivesim.archive.check import verify_windows
from drivesim.archive.files import FileProblem, LocalFiles, sync_folder, write_error, write_file
from drivesim.archive.format.commit import CommitRecord, head_bytes, read_chain
from drivesim.archive.format.documents import new_documents, with_consolidated_groups
from drivesim.archive.format.identity import MANIFEST_FILE, Manifest
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import COMMIT_FOLDER, HEAD_FILE, record_file, rollout_folder
from drivesim.archive.format.structure import require_sound_metadata
from drivesim.archive.lock import WriterLock
from drivesim.archive.sealed_json import canonical_json, sha256
from drivesim.errors import ArchiveError, ArchiveWriteError, InputError

if TYPE_CHECKING:
    from drivesim.archive.stores.window import WindowStore


class ArchiveWriter:
    """The only writer of an archive; a context manager, made by `open`."""

    def __init__(self, path: Path, manifest: Manifest, lock: WriterLock) -> None:
        self.path = path
        self.layout = manifest.layout
        self._lock = lock
        self._num_committed: list[int] = []
        self._last: list[str] = []
        self._failed = False
        self._store = self._resume(manifest)

    @classmethod
    def open(
        cls, path: str | Path, identity_inputs: dict[str, Any], layout: ArchiveLayout, provenance: dict[str, Any]
    ) -> ArchiveWriter:
        """Creates the archive, or continue the one that is there.

        An archive of an earlier format is continued in its format.

        Args:
            path: The folder of the archive.
            identity_inputs: JSON that fixes every byte of the rollout: scenario, checkpoint hashes, seed, engine
                version.
            layout: Shapes and rates.
            provenance: JSON for people; it holds no times. That of a continued archive stays as it is.

        Raises:
            InputError: The archive is another run's, or the place cannot be written.
            ArchiveLockedError: Another writer holds the archive.
            ArchiveError: What is there is damaged.
            ArchiveWriteError: The disk is full or cannot be written.
        """
        path = Path(os.path.realpath(path))
        manifest = Manifest.create(identity_inputs, layout, provenance)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = WriterLock.acquire(path)
        except OSError as error:
            raise durable.unwritable(path, error) from error
        try:
            if _is_absent(path):
                _create(path, manifest)
            lock.hold_folder(path)
            stored = _read_manifest(path)
            stored.require_same_run(manifest, path)
            require_sound_metadata(LocalFiles(path), stored)
            return cls(path, stored, lock)
        except BaseException:
            lock.release()
            raise

    def committed_windows(self, future: int) -> int:
        """Returns how many windows of a future are committed; each was verified when the archive was opened."""
        return self._num_committed[future]

    def latents(self, future: int, window: int) -> np.ndarray:
        """Returns the committed latents of a window, float32 (t, c, h, w), exactly as they were given to `commit`.

        Raises:
            InputError: The window is not committed yet.
            ArchiveError: They are not what was committed.
        """
        if not 0 <= window < self.committed_windows(future):
            raise InputError(f"{self.path}: window {window} of future {future} is not committed yet")
        return self._store.latents(future, window)

    def commit(
        self, future: int, window: int, latents: np.ndarray, frames: np.ndarray | None, labels: dict[str, Any]
    ) -> None:
        """Makes a window durable, whole or not at all.

        Args:
            future: Number of the future.
            window: Number of the window; the next one of its future.
            latents: float32 (t, c, h, w).
            frames: uint8 (t, h, w, c) RGB, None where the layout keeps none.
            labels: JSON about the window that is the same in every run of these inputs.

        Raises:
            InputError: A shape is wrong, or the window is out of turn.
            ArchiveWriteError: The disk is full, and the like; this writer then accepts no more.
        """
        if self._failed:
            raise ArchiveError(f"{self.path}: an earlier window could not be written; open the archive again")
        self._require_next(future, window)
        _require_array("latents", latents, np.float32, self.layout.latent_chunk_shape[1:])
        if self.layout.keeps_frames:
            _require_array("frames", frames, np.uint8, (len(self.layout.frame_range(window)), *self.layout.frame_shape))
        elif frames is not None:
            raise InputError(f"{self.path}: this archive keeps no frames, commit latents alone")
        canonical_json(labels)
        self._failed = True  # until all of it is on disk
        chunks = self._store.write_window(future, window, latents, frames)
        folder = self.path / rollout_folder(future)
        sync_folder(folder / "latents")
        if self.layout.keeps_frames:
            sync_folder(folder / "frames")
        record = CommitRecord(future, window, self._last[future], chunks, labels)
        content = record.to_bytes()
        write_file(folder / record_file(window), content)
        sync_folder(folder / COMMIT_FOLDER)
        self._store.add(record)
        self._num_committed[future] += 1
        self._last[future] = sha256(content)
        self._write_head(future)
        self._failed = False

    def close(self) -> None:
        """Releases the archive for the next writer; what is committed stays, whether the rollout is complete or not."""
        self._lock.release()

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resume(self, manifest: Manifest) -> WindowStore:
        """Verifys what is committed, bring the heads up to date, and return the store to go on writing with."""
        from drivesim.archive.stores.window import WindowStore

        files, futures = LocalFiles(self.path), range(self.layout.num_futures)
        chains = [read_chain(files, self.layout, manifest.chain_root, future) for future in futures]
        records = tuple(chain.trusted for chain in chains)
        findings = [finding for chain in chains for finding in chain.findings]
        findings += verify_windows(files, self.layout, records)
        if findings:
            count = f"{len(findings)} damages, `drivesim check --read-data` lists them; the first: "
            count = count if len(findings) > 1 else ""
            raise ArchiveError(f"{self.path}: damaged, so it is not continued: {count}{findings[0]}")
        self._num_committed = [chain.num_committed for chain in chains]
        self._last = [chain.last for chain in chains]
        for future in futures:
            if chains[future].head_is_behind:
                self._write_head(future)
        return WindowStore(self.path, self.layout, records)

    def _require_next(self, future: int, window: int) -> None:
        if not 0 <= future < self.layout.num_futures:
            raise InputError(f"{self.path}: future {future} of {self.layout.num_futures} does not exist")
        expected = self.committed_windows(future)
        if window != expected or window >= self.layout.num_windows:
            state = "is complete" if expected == self.layout.num_windows else f"goes on with window {expected}"
            raise InputError(f"{self.path}: window {window} of future {future} is out of turn, the future {state}")

    def _write_head(self, future: int) -> None:
        folder = self.path / rollout_folder(future)
        write_file(folder / HEAD_FILE, head_bytes(future, self.committed_windows(future), self._last[future]))
        sync_folder(folder / COMMIT_FOLDER)


def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.read(LocalFiles(path))
    except FileProblem as problem:
        raise ArchiveError(f"{path}: damaged, or no archive: {problem}; give another --out, or move it away") from None


def _is_absent(path: Path) -> bool:
    """Tells whether there is no archive: nothing at all, or an empty folder."""
    try:
        return not os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise InputError(f"{path}: is no archive folder ({error.strerror}); choose another --out") from error


def _create(path: Path, manifest: Manifest) -> None:
    """Builds the empty archive beside its place and rename it in: it exists with all its metadata or not at all."""
    staging = path.with_name(f".{path.name}.creating")
    documents = new_documents(manifest.layout)
    manifest = replace(manifest, documents={kind: sha256(content) for kind, content in documents.items()})
    files = {MANIFEST_FILE: manifest.to_bytes(), **with_consolidated_groups(manifest.layout, documents)}
    for future in range(manifest.layout.num_futures):
        files[f"{rollout_folder(future)}/{HEAD_FILE}"] = head_bytes(future, 0, manifest.chain_root)
    try:
        _remove(staging)
        folders = {staging}
        for file, content in files.items():
            target = staging / file
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(target, content)
            folders.update(parent for parent in target.parents if parent.is_relative_to(staging))
        for folder in folders:
            sync_folder(folder)
        os.rename(staging, path)
        sync_folder(path.parent)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise error if isinstance(error, ArchiveWriteError) else write_error(path, error) from error


def _remove(left_over: Path) -> None:
    """Removes what a killed run left under a name of ours; of a link, what it leads to stays."""
    if left_over.is_dir() and not left_over.is_symlink():
        shutil.rmtree(left_over)
    else:
        left_over.unlink(missing_ok=True)


def _require_array(name: str, array: object, dtype: type, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"archive: {name} of a window are {np.dtype(dtype)} {shape}, not {got}")
