"""Write an archive window by window, so that a kill at any instant loses at most the window in hand.

To resume, open the same path with the same inputs: `committed_windows` says where to go on, `latents` gives what
the next window is conditioned on. A resumed archive is byte-identical to one that was never interrupted.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from drivesim.archive.chunks import read_chunk, verify_window
from drivesim.archive.commit import COMMIT_FOLDER, HEAD_FILE, CommitRecord, head_bytes, read_chain, record_file
from drivesim.archive.files import FileProblem, sync_folder, write_error, write_file
from drivesim.archive.identity import MANIFEST_FILE, Manifest
from drivesim.archive.layout import ArchiveLayout
from drivesim.archive.lock import WriterLock
from drivesim.archive.sealed_json import canonical_json, sha256
from drivesim.archive.structure import require_sound_metadata
from drivesim.archive.zarr_format import (
    encode_frames,
    encode_latents,
    frame_chunk_file,
    latent_chunk_file,
    metadata_files,
    rollout_folder,
)
from drivesim.errors import ArchiveError, ArchiveWriteError, InputError


class ArchiveWriter:
    """The one writer of an archive; a context manager, made by `open`."""

    def __init__(self, path: Path, manifest: Manifest, lock: WriterLock) -> None:
        self.path = path
        self.layout = manifest.layout
        self._lock = lock
        self._records: list[list[CommitRecord]] = []
        self._last: list[str] = []
        self._failed = False
        for future in range(self.layout.num_futures):
            self._resume(manifest, future)

    @classmethod
    def open(cls, path: str | Path, identity_inputs: dict, layout: ArchiveLayout, provenance: dict) -> ArchiveWriter:
        """Create the archive, or continue the one that is there.

        `identity_inputs` is JSON that fixes every byte of the rollout: scenario, checkpoint hashes, seed, engine
        version. `provenance` is JSON for people and holds no times.

        Raises InputError (another run's archive, a place that cannot be written), ArchiveLockedError (another
        writer), ArchiveError (what is there is damaged), ArchiveWriteError (disk full).
        """
        path = Path(os.path.realpath(path))
        manifest = Manifest.create(identity_inputs, layout, provenance)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = WriterLock.acquire(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written here ({error.strerror}); choose another --out") from error
        try:
            if _is_absent(path):
                _create(path, manifest)
            lock.hold_folder(path)
            stored = _read_manifest(path)
            stored.require_same_run(manifest, path)
            require_sound_metadata(path, stored.layout)
            return cls(path, stored, lock)
        except BaseException:
            lock.release()
            raise

    def committed_windows(self, future: int) -> int:
        """How many windows of a future are committed; each was read and verified when the archive was opened."""
        return len(self._records[future])

    def latents(self, future: int, window: int) -> np.ndarray:
        """The committed latents of a window, float32 (t, c, h, w), exactly as they were given to `commit`."""
        if not 0 <= window < self.committed_windows(future):
            raise InputError(f"{self.path}: window {window} of future {future} is not committed yet")
        return read_chunk(self.path, self.layout, self._records[future][window], latent_chunk_file(window))

    def commit(self, future: int, window: int, latents: np.ndarray, frames: np.ndarray | None, labels: dict) -> None:
        """Make a window durable, whole or not at all.

        `latents` is float32 (t, c, h, w); `frames` uint8 (t, h, w, c) RGB, None where the layout keeps none; `labels`
        JSON about the window that is the same in every run of these inputs. Raises InputError for wrong shapes or a
        window out of turn, and ArchiveWriteError where the disk is full; this writer then accepts no more.
        """
        if self._failed:
            raise ArchiveError(f"{self.path}: an earlier window could not be written; open the archive again")
        self._require_next(future, window)
        _require_array("latents", latents, np.float32, self.layout.latent_chunk_shape[1:])
        frame_range = self.layout.frame_range(window)
        if self.layout.keeps_frames:
            _require_array("frames", frames, np.uint8, (len(frame_range), *self.layout.frame_shape))
        elif frames is not None:
            raise InputError(f"{self.path}: this archive keeps no frames, commit latents alone")
        canonical_json(labels)
        self._failed = True  # until all of it is on disk
        file = latent_chunk_file(window)
        chunks = {file: self._write_chunk(future, file, encode_latents(latents))}
        length = self.layout.frames_per_chunk
        for chunk in self.layout.frame_chunks(window):
            start = chunk * length - frame_range.start
            content = encode_frames(frames[start : start + length], self.layout)
            file = frame_chunk_file(chunk)
            chunks[file] = self._write_chunk(future, file, content)
        folder = self.path / rollout_folder(future)
        sync_folder(folder / "latents")
        if self.layout.keeps_frames:
            sync_folder(folder / "frames")
        record = CommitRecord(future, window, self._last[future], chunks, labels)
        content = record.to_bytes()
        write_file(folder / record_file(window), content)
        sync_folder(folder / COMMIT_FOLDER)
        self._records[future].append(record)
        self._last[future] = sha256(content)
        self._write_head(future)
        self._failed = False

    def close(self) -> None:
        """Let the next writer in; what is committed stays, whether the rollout is complete or not."""
        self._lock.release()

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resume(self, manifest: Manifest, future: int) -> None:
        chain = read_chain(self.path, self.layout, manifest.chain_root, future)
        findings = [*chain.findings]
        for record in chain.trusted:
            findings += verify_window(self.path, self.layout, record)
        if findings:
            count = f"{len(findings)} damages, `drivesim check --read-data` lists them; the first: "
            count = count if len(findings) > 1 else ""
            raise ArchiveError(f"{self.path}: damaged, so it is not continued: {count}{findings[0]}")
        self._records.append(list(chain.trusted))
        self._last.append(chain.last)
        if chain.head_is_behind:
            self._write_head(future)

    def _require_next(self, future: int, window: int) -> None:
        if not 0 <= future < self.layout.num_futures:
            raise InputError(f"{self.path}: future {future} of {self.layout.num_futures} does not exist")
        expected = self.committed_windows(future)
        if window != expected or window >= self.layout.num_windows:
            state = "is complete" if expected == self.layout.num_windows else f"goes on with window {expected}"
            raise InputError(f"{self.path}: window {window} of future {future} is out of turn, the future {state}")

    def _write_chunk(self, future: int, file: str, content: bytes) -> tuple[int, str]:
        write_file(self.path / rollout_folder(future) / file, content)
        return len(content), sha256(content)

    def _write_head(self, future: int) -> None:
        folder = self.path / rollout_folder(future)
        write_file(folder / HEAD_FILE, head_bytes(future, self.committed_windows(future), self._last[future]))
        sync_folder(folder / COMMIT_FOLDER)


def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.read(path)
    except FileProblem as problem:
        raise ArchiveError(f"{path}: damaged, or no archive: {problem}; give another --out, or move it away") from None


def _is_absent(path: Path) -> bool:
    """No archive here: nothing at all, or an empty folder."""
    try:
        return not os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise InputError(f"{path}: is no archive folder ({error.strerror}); choose another --out") from error


def _create(path: Path, manifest: Manifest) -> None:
    """Build the empty archive beside its place and rename it in: it exists with all its metadata or not at all."""
    staging = path.with_name(f".{path.name}.creating")
    files = {MANIFEST_FILE: manifest.to_bytes(), **metadata_files(manifest.layout)}
    for future in range(manifest.layout.num_futures):
        files[f"{rollout_folder(future)}/{HEAD_FILE}"] = head_bytes(future, 0, manifest.chain_root)
    try:
        if os.path.lexists(staging):
            shutil.rmtree(staging)
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


def _require_array(name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"archive: {name} of a window are {np.dtype(dtype)} {shape}, not {got}")
