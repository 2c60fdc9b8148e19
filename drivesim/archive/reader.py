"""Read an archive: lazily, only what is committed, and only bytes that are what was committed.

>>> archive = open_archive("out/cut_in_night.zarr")
>>> archive.rollouts[0].frames[10:20]     # uint8 (t, h, w, c), RGB
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.archive.chunks import read_chunk
from drivesim.archive.commit import Chain, read_chain
from drivesim.archive.files import FileProblem
from drivesim.archive.identity import Manifest
from drivesim.archive.layout import ArchiveLayout
from drivesim.archive.sealed_json import sha256
from drivesim.archive.structure import require_sound_metadata
from drivesim.archive.zarr_format import frame_chunk_file, latent_chunk_file
from drivesim.errors import ArchiveError, InputError


class CommittedArray:
    """The committed items of an array along its first axis, read chunk by chunk when they are asked for.

    `len`, iteration, an index, a slice with a positive step and `np.asarray` all speak of committed items only;
    asking beyond them raises ArchiveError that says how many there are.
    """

    def __init__(
        self,
        what: str,
        num_items: int,
        item_shape: tuple[int, ...],
        dtype: type,
        chunk_length: int,
        load: Callable[[int], np.ndarray],
    ) -> None:
        self.shape = (num_items, *item_shape)
        self.dtype = np.dtype(dtype)
        self._what = what
        self._chunk_length = chunk_length
        self._load = load

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self), self._chunk_length):
            yield from self._load(start // self._chunk_length)[: len(self) - start]

    def __getitem__(self, key: int | slice) -> np.ndarray:
        if isinstance(key, slice):
            return self._read(self._range(key))
        index = operator.index(key)
        self._require(-len(self) <= index < len(self), index)
        return self._read(range(index % len(self), index % len(self) + 1))[0]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def _range(self, key: slice) -> range:
        start, stop = (None if bound is None else operator.index(bound) for bound in (key.start, key.stop))
        for bound in (start, stop):
            self._require(bound is None or -len(self) <= bound <= len(self), bound)
        if key.step is not None and operator.index(key.step) < 1:
            raise InputError(f"{self._what}: a slice goes forward, its step is not {key.step}")
        return range(*key.indices(len(self)))

    def _read(self, items: range) -> np.ndarray:
        result = np.empty((len(items), *self.shape[1:]), self.dtype)
        chunk, loaded = None, None
        for position, item in enumerate(items):
            if item // self._chunk_length != chunk:
                chunk = item // self._chunk_length
                loaded = self._load(chunk)
            result[position] = loaded[item % self._chunk_length]
        return result

    def _require(self, inside: bool, index: int | None) -> None:
        if not inside:
            raise ArchiveError(f"{self._what}: {index} was asked for, {len(self)} are committed")


@dataclass(frozen=True)
class Rollout:
    """One future of an archive, as far as it is committed."""

    path: Path
    layout: ArchiveLayout
    future: int
    chain: Chain

    @property
    def num_committed_windows(self) -> int:
        """Windows that a reader may trust."""
        return self.chain.num_committed

    @property
    def num_committed_frames(self) -> int:
        """Frames in them."""
        return self.layout.committed_frames(self.num_committed_windows)

    @property
    def complete(self) -> bool:
        """Whether every window is committed."""
        return self.num_committed_windows == self.layout.num_windows

    @property
    def labels(self) -> tuple[dict, ...]:
        """What was committed beside each window."""
        return tuple(record.labels for record in self.chain.trusted)

    @property
    def content_sha256(self) -> str:
        """One hash of all that is committed: equal for two futures exactly where their chunks are the same bytes."""
        digests = [digest for record in self.chain.trusted for _, (_, digest) in sorted(record.chunks.items())]
        return sha256("\n".join(digests).encode())

    @property
    def frames(self) -> CommittedArray:
        """uint8 (t, h, w, c), RGB; InputError where the archive keeps latents alone."""
        if not self.layout.keeps_frames:
            raise InputError(f"{self.path}: keeps latents alone; `drivesim render` makes its frames again")
        length = self.layout.frames_per_chunk
        windows = self.layout.frames_per_window // length
        return CommittedArray(
            self._describe("frames"),
            self.num_committed_frames,
            self.layout.frame_shape,
            np.uint8,
            length,
            lambda chunk: self._load(chunk // windows, frame_chunk_file(chunk)),
        )

    @property
    def latents(self) -> CommittedArray:
        """float32 (window, t, c, h, w)."""
        return CommittedArray(
            self._describe("latents"),
            self.num_committed_windows,
            self.layout.latent_chunk_shape[1:],
            np.float32,
            1,
            lambda window: self._load(window, latent_chunk_file(window))[None],
        )

    def _load(self, window: int, file: str) -> np.ndarray:
        return read_chunk(self.path, self.layout, self.chain.trusted[window], file)

    def _describe(self, array: str) -> str:
        return f"{self.path}: {array} of future {self.future}"


@dataclass(frozen=True)
class Archive:
    """An open archive: a view of what was committed when it was opened."""

    path: Path
    manifest: Manifest
    rollouts: tuple[Rollout, ...]

    @property
    def layout(self) -> ArchiveLayout:
        """Shapes and rates."""
        return self.manifest.layout

    @property
    def provenance(self) -> dict:
        """What the archive was made from, for people."""
        return self.manifest.provenance

    @property
    def complete(self) -> bool:
        """Whether every future is complete."""
        return all(rollout.complete for rollout in self.rollouts)


def open_archive(path: str | Path) -> Archive:
    """Open an archive for reading; a writer may be at work on it.

    Raises InputError where there is no archive, ArchiveError where its metadata is damaged. Damage in a commit
    record ends what can be read there; `check_archive` names it.
    """
    path = archive_folder(path)
    try:
        manifest = Manifest.read(path)
    except FileProblem as problem:
        raise ArchiveError(f"{path}: {problem}") from None
    require_sound_metadata(path, manifest.layout)
    return Archive(
        path,
        manifest,
        tuple(
            Rollout(path, manifest.layout, future, read_chain(path, manifest.layout, manifest.chain_root, future))
            for future in range(manifest.layout.num_futures)
        ),
    )


def archive_folder(path: str | Path) -> Path:
    """The folder of an archive, with no link left in its path; raises InputError where there is no folder."""
    path = Path(path)
    if not path.is_dir():
        problem = "is not a folder" if path.exists() else "does not exist"
        raise InputError(f"{path}: {problem}; an archive is a folder such as out/<name>.zarr")
    return path.resolve()
